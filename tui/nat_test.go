package tui

import (
	"strings"
	"testing"

	"natlens/monitor"
)

// At 80 columns addresses are whole: other columns make room.
func TestNATWholeAddresses(t *testing.T) {
	st := newStage(t)
	st.event(monitor.KindNew, 1, live(flowOf(monitor.TCP, "[2001:db8:77::2]:50000", "[2001:db8:9::9]:443",
		"[2001:db8:1::1]:50000", "[2001:db8:9::9]:443", srcNAT|assured, monitor.PathForward), monitor.TCPEstablished, 100), timed, nil)
	st.commit()
	st.size(80, 24)
	st.press("4")
	for _, address := range []string{" 2001:db8:1::1 ", " 2001:db8:77::2 ", " [2001:db8:9::9]:443"} {
		if !strings.Contains(st.screen(), address) {
			t.Errorf("no%s:\n%s", address, st.screen())
		}
	}
}
