package tui

import (
	"strings"
	"testing"

	"natlens/monitor"
)

// At 80 columns addresses are whole: other columns make room, and a service that does not fit has a
// line of its own.
func TestNATWholeAddresses(t *testing.T) {
	st := newStage(t)
	st.event(monitor.KindNew, 1, live(flowOf(monitor.TCP, "[2001:db8:77::2]:50000", "[2001:db8:9::9]:443",
		"[2001:db8:1::1]:50000", "[2001:db8:9::9]:443", srcNAT|assured, monitor.PathForward), monitor.TCPEstablished, 100), timed, nil)
	st.commit()
	st.size(80, 24)
	st.press("4")
	whole := func(addresses ...string) {
		t.Helper()
		for _, address := range addresses {
			if !strings.Contains(st.screen(), address) {
				t.Errorf("no%s:\n%s", address, st.screen())
			}
		}
	}
	whole(" 2001:db8:1::1 ", " 2001:db8:77::2 ", " [2001:db8:9::9]:443")

	service, target := "[2001:db8:1111:2222:3333:4444:5555:6666]:8443", "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:8443"
	st.event(monitor.KindNew, 1, live(flowOf(monitor.TCP, "[2001:db8:5::5]:50000", service, "[2001:db8:5::5]:50000", target,
		dstNAT|assured, monitor.PathForward), monitor.TCPEstablished, 100), timed, nil)
	st.commit()
	whole(" 2001:db8:1::1 ", " 2001:db8:77::2 ", " [2001:db8:9::9]:443", " ⇒ "+target+" ", "   for "+service)
	st.clickOn(7, "for [") // the second line of a row selects it
	if !strings.HasPrefix(st.cursor(), "⇒ "+target) {
		t.Errorf("the cursor is on %q", st.cursor())
	}
}

// Pools are sorted like flows and groups: by a click, or by s on the selected column; r reverses.
func TestNATOrder(t *testing.T) {
	st := busy(t)
	to := "203.0.113.9:443"
	st.event(monitor.KindNew, 1, live(flowOf(monitor.UDP, "192.168.77.2:40", to, "203.0.113.1:40", to, srcNAT|assured,
		monitor.PathForward), 0, 100), timed, nil)
	st.commit()
	st.press("4")
	for _, c := range []struct{ keys, title, first string }{
		{"", "IN USE▼", "tcp"}, {"<right><right>s", "FLOWS▼", "tcp"}, {"r", "FLOWS▲", "udp"}, {"<right>s", "RATE▼", "tcp"},
		{"<right>s", "BYTES▼", "tcp"}, {"s", "BYTES▲", "udp"}, {"<left><left><left><left><left>s", "TRANSLATED TO▲", "tcp"},
	} {
		st.press(c.keys)
		if f := strings.Fields(st.cursor()); !strings.Contains(st.line(2), c.title) || f[1] != c.first {
			t.Errorf("after %q: %s\n%s", c.keys, st.line(2), st.cursor())
		}
	}
}
