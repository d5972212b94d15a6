//go:build linux

package trace

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
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
		for key, r := range readTexts(text) {
			if !strings.Contains(text, r) || key.handle == 0 && !strings.Contains(text, "handle 0") {
				t.Errorf("%q: %+v %+v", text, key, r)
			}
		}
	})
}

// FuzzRule reads any bytes as a rule, and evaluates it for a flow.
func FuzzRule(f *testing.F) {
	add := func(exprs ...expr.Any) {
		var list []netlink.Attribute
		for _, x := range exprs {
			b, err := expr.Marshal(unix.NFPROTO_IPV4, x)
			if err != nil {
				f.Fatal(err)
			}
			list = append(list, netlink.Attribute{Type: unix.NFTA_LIST_ELEM | netlink.Nested, Data: b})
		}
		all, err := netlink.MarshalAttributes(list)
		if err != nil {
			f.Fatal(err)
		}
		b, err := netlink.MarshalAttributes([]netlink.Attribute{
			{Type: unix.NFTA_RULE_TABLE, Data: []byte("filter\x00")}, {Type: unix.NFTA_RULE_CHAIN, Data: []byte("forward\x00")},
			{Type: unix.NFTA_RULE_HANDLE, Data: []byte{0, 0, 0, 0, 0, 0, 0, 4}},
			{Type: unix.NFTA_RULE_EXPRESSIONS | netlink.Nested, Data: all},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{2, 0, 0, 0}, b...))
	}
	add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Register: 1, Data: []byte{17}},
		payload(expr.PayloadBaseTransportHeader, 2, 2), &expr.Lookup{SourceRegister: 1, SetName: "s"},
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1}, masked([]byte{8, 0, 0, 0}), &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
		&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true}, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept})
	add(&expr.Immediate{Register: 1, Data: []byte{203, 0, 113, 9}}, &expr.NAT{Type: expr.NATTypeDestNAT, Family: 2, RegAddrMin: 1})
	add(&expr.Match{Name: "multiport", Rev: 1, Info: new(xt.Unknown(make([]byte, 48)))}, &expr.Notrack{}, &expr.Reject{})
	conn, err := nftables.New(nftables.WithTestDial(func([]netlink.Message) ([]netlink.Message, error) {
		return nil, errShort
	}))
	if err != nil {
		f.Fatal(err)
	}
	flow := monitor.Flow{Path: monitor.PathForward, Status: monitor.Confirmed | monitor.DstNAT}
	flow.Orig = monitor.Tuple{Proto: monitor.UDP, Family: monitor.IPv4, SrcPort: 4000, DstPort: 53}
	flow.Reply = monitor.Tuple{Proto: monitor.UDP, Family: monitor.IPv4, SrcPort: 54, DstPort: 4000}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRule(b)
		if err != nil {
			return
		}
		rs := &Rules{chains: map[string]Chain{}, rules: map[ruleKey]*rule{{"", 1}: r}, order: map[string][]*rule{},
			sets: map[string][]nftables.SetElement{}, routes: map[netip.Addr]route{}, conn: conn, ns: -1}
		for _, c := range []Chain{{Hook: "forward", Type: "filter"}, {Hook: "prerouting", Type: "filter", Prio: -300},
			{Hook: "prerouting", Type: "nat", Prio: -100}} {
			c.Family, c.Table, c.Name = r.chain.Family, r.chain.Table, c.Hook
			rs.chains[c.Hook+c.Type] = c
			rs.order[c.String()] = []*rule{r}
		}
		w := monitor.NewWalk(&flow)
		for _, d := range rs.Decisions(&w) {
			if d.Drop || d.Certainty == monitor.Traced {
				t.Errorf("%+v", d)
			}
		}
	})
}
