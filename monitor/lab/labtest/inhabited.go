//go:build linux

package labtest

import (
	"fmt"
	"net/netip"
	"os/exec"
	"testing"

	"natlens/monitor/lab"
)

// Inhabited is a network namespace with a process in it, by which --netns all finds it, and flows from
// one address of its own.
type Inhabited struct {
	*Generator
	Name   string // of the namespace
	Source string // the address
	base   int
}

// NewInhabited makes such a namespace for the test. Its address is 198.18.0.1 plus base. Its flows live
// for ten minutes: --netns all may read large tables of others first.
func NewInhabited(t testing.TB, base int) *Inhabited {
	t.Helper()
	g, err := NewGenerator(GeneratorConfig{SNAT: true, Sysctls: map[string]string{"udp_timeout": "600"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return &Inhabited{g, Inhabit(t, g.Namespace()), fmt.Sprintf("198.18.0.%d", 1+base), base}
}

// Inhabit starts a process in a namespace for the test, and returns the name that the namespace has by it.
func Inhabit(t testing.TB, ns *lab.Namespace) (name string) {
	t.Helper()
	sleeper := exec.Command("sleep", "600")
	if err := ns.Do(sleeper.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sleeper.Process.Kill(); sleeper.Wait() })
	return fmt.Sprintf("pid:%d", sleeper.Process.Pid)
}

// Flows makes n flows.
func (p *Inhabited) Flows(t testing.TB, n int) {
	t.Helper()
	if _, err := p.Generate(t.Context(), GenConfig{Flows: n, Base: p.base}); err != nil {
		t.Fatal(err)
	}
}

// Unanswered opens n connections from the client to port 81 of an address that does not answer.
func Unanswered(t testing.TB, l *lab.Lab, n uint16) {
	t.Helper()
	for i := range n {
		to := lab.TCP{Local: netip.AddrPortFrom(netip.Addr{}, 30000+i), To: netip.AddrPortFrom(lab.Blackhole, 81)}
		if _, err := l.SYNOnce(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
}
