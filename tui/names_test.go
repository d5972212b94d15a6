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
