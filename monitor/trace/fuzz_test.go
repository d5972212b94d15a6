//go:build linux

package trace

import (
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
)

// FuzzDecode reads any bytes as a trace message.
func FuzzDecode(f *testing.F) {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: 1, Data: []byte("filter\x00")}, {Type: 2, Data: []byte("forward\x00")},
		{Type: 3, Data: []byte{0, 0, 0, 0, 0, 0, 0, 4}}, {Type: 4, Data: []byte{0, 0, 0, 3}},
		{Type: 5 | netlink.Nested, Data: []byte{8, 0, 1, 0, 0, 0, 0, 0}}, {Type: 6, Data: []byte{1, 2, 3, 4}},
		{Type: 8, Data: []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}},
		{Type: 9, Data: []byte{0, 22, 1, 187}}, {Type: attrCTID, Data: []byte{0, 0, 0, 7}},
		{Type: attrCTDirection, Data: []byte{1}}, {Type: attrCTState, Data: []byte{0, 0, 0, 8}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte{2, 0, 0, 0}, attrs...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decode(b); err == nil && m.headers.Proto != 0 && !m.headers.Src.Addr().IsValid() {
			t.Errorf("a packet without addresses: %+v", m)
		}
	})
}

// FuzzRuleset reads any text as what nft(8) lists.
func FuzzRuleset(f *testing.F) {
	f.Add("table ip nat {\n\tchain pre {\n\t\ttcp dport 8080 dnat to 10.9.0.1:22 comment \"a\" # handle 2\n\t}\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		rs := &Rules{chains: map[string]Chain{}, rules: map[ruleKey]ruleText{}}
		rs.read(text)
		for key, r := range rs.rules {
			if !strings.Contains(text, r.text) || key.handle == 0 && !strings.Contains(text, "handle 0") {
				t.Errorf("%q: %+v %+v", text, key, r)
			}
		}
	})
}
