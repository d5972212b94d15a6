package tui

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"natlens/monitor"
)

// names notes what it is asked.
type names map[netip.Addr]int

func (r names) Name(_ context.Context, a netip.Addr) (string, error) {
	r[a]++
	return "gw.example\x1b]0;x\x07\u202e", nil
}

// A name is asked for once, in a command; hostile ones come escaped.
func TestNames(t *testing.T) {
	r := names{}
	st := newStage(t, func(c *Config) {
		c.Resolver = r
		c.Services = func(_ monitor.Proto, port uint16) string { return map[uint16]string{443: "https"}[port] }
	})
	st.newcomer(40000)
	st.size(160, 50)
	if s := st.screen(); strings.Contains(s, "https") {
		t.Errorf("names without being asked for:\n%s", s)
	}
	st.press("n")
	if s := st.screen(); !strings.Contains(s, "203.0.113.9:https") || !strings.Contains(s, "172.16.0.1:40000") {
		t.Errorf("while the names are not known:\n%s", s)
	}
	st.screen()
	st.frame()
	s := st.screen()
	if !strings.Contains(s, `gw.example`) || strings.ContainsAny(s, "\x1b\x07\u202e") {
		t.Errorf("with names:\n%s", s)
	}
	st.frame()
	for a, n := range r {
		if n != 1 {
			t.Errorf("asked %d times for %s", n, a)
		}
	}
	if len(r) != 3 { // 172.16.0.1, 203.0.113.1, 203.0.113.9
		t.Errorf("asked for %v", r)
	}
	if got, want := st.s.Names.Addr(netip.MustParseAddr("203.0.113.9")), `gw.example\x1b]0;x\x07\u202e`; got != want {
		t.Errorf("the name is %q, want %q", got, want)
	}
	st.press("n")
	if s := st.screen(); strings.Contains(s, "example") {
		t.Errorf("names off:\n%s", s)
	}
}

// A name that is shown is a filter of its addresses, and a search finds it.
func TestNameFilter(t *testing.T) {
	st := newStage(t, func(c *Config) {
		c.Resolver = called{"203.0.113.9": "Web.example", "192.0.2.53": "dns.example"}
		c.Services = func(_ monitor.Proto, port uint16) string { return map[uint16]string{443: "https"}[port] }
	})
	st.gateway()
	st.commit()
	st.size(160, 50)
	for _, text := range []string{"web.example", "~ web.example"} {
		if st.press("/" + text + "<enter>"); st.s.Text == text && text[0] != '~' {
			t.Errorf("%s is a filter although no name is shown", text)
		}
		st.press("<esc><ctrl+l>")
	}
	st.press("n")
	st.screen()
	st.frame()
	for text, want := range map[string]int{
		"web.example": 5, "dns.example": 1, "~ EXAMPLE:https": 3, `~ /dns\.example/`: 1,
		"~ web.example not udp 443": 3, "~ example": 6,
	} {
		st.press("<ctrl+l>/" + text + "<enter>")
		if st.s.Text != text || st.s.Matched != want {
			t.Errorf("%s: the filter is %q and selects %d flows, want %d\n%s", text, st.s.Text, st.s.Matched, want, st.screen())
		}
	}
}

// called has names of addresses.
type called map[string]string

func (c called) Name(_ context.Context, a netip.Addr) (string, error) { return c[a.String()], nil }
