package tui

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
)

// slowNames answers when the test lets it.
type slowNames struct {
	asked  chan netip.Addr
	answer chan string
}

func (r *slowNames) Name(ctx context.Context, a netip.Addr) (string, error) {
	select {
	case r.asked <- a:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case text := <-r.answer:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// A name is asked for once and never waited for; hostile ones come escaped.
func TestNames(t *testing.T) {
	r := &slowNames{asked: make(chan netip.Addr, 64), answer: make(chan string)}
	st := newStage(t, func(c *Config) {
		c.Resolver = r
		c.Services = func(_ monitor.Proto, port uint16) string { return map[uint16]string{443: "https"}[port] }
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { st.s.Names.Ask(ctx); close(done) }()
	defer func() { cancel(); <-done }()

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
	asked := map[string]bool{}
	for range 3 { // 172.16.0.1, 203.0.113.1, 203.0.113.9
		asked[(<-r.asked).String()] = true
		r.answer <- "gw.example\x1b]0;x\x07\u202e"
	}
	for end := time.Now().Add(5 * time.Second); st.s.Names.Changes() < 3; {
		if time.Now().After(end) {
			t.Fatal("the answers do not arrive")
		}
		time.Sleep(time.Millisecond)
	}
	st.frame()
	s := st.screen()
	if !strings.Contains(s, `gw.example`) || strings.ContainsAny(s, "\x1b\x07\u202e") {
		t.Errorf("with names:\n%s", s)
	}
	if len(asked) != 3 || len(r.asked) != 0 {
		t.Errorf("asked for %v, and %d more", asked, len(r.asked))
	}
	if got, want := st.s.Names.Addr(netip.MustParseAddr("203.0.113.9")), `gw.example\x1b]0;x\x07\u202e`; got != want {
		t.Errorf("the name is %q, want %q", got, want)
	}
	st.press("n")
	if s := st.screen(); strings.Contains(s, "example") {
		t.Errorf("names off:\n%s", s)
	}
}
