package tui

import (
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// owned is two flows of this host and one of a container.
func owned(t *testing.T, adjust ...func(*Config)) *stage {
	st := newStage(t, append(adjust, readable, func(c *Config) {
		c.Env.Local = func(f *monitor.Flow) *monitor.Local {
			switch f.Orig.SrcPort {
			case 40000:
				return &monitor.Local{Process: "cu\x1brl", PID: 4711, UID: 1000, User: "ann", Match: monitor.MatchExact}
			case 40002:
				return &monitor.Local{Container: "web", Pod: "shop/web-0", Match: monitor.MatchAddress}
			}
			return nil
		}
	})...)
	for i, from := range []string{"203.0.113.1:40000", "203.0.113.1:40001", "203.0.113.1:40002"} {
		f := flowOf(monitor.TCP, from, "203.0.113.9:443", from, "203.0.113.9:443", assured, monitor.PathOut)
		st.event(monitor.KindNew, float64(30-i), live(f, monitor.TCPEstablished, 432000), timed, nil)
	}
	st.commit()
	return st
}

// The table, the detail and the groups show processes and containers.
func TestScreensLocal(t *testing.T) {
	for _, c := range []struct{ name, keys string }{{"flows", ""}, {"top", "3oooo"}, {"detail", "<enter>"}} {
		t.Run(c.name, func(t *testing.T) {
			st := owned(t)
			st.press(c.keys)
			st.goldenScreens("local-"+c.name, nil)
		})
	}
}

// A replay has the column from the first flow with a process or container on.
func TestLocalReplayed(t *testing.T) {
	var known *monitor.Local
	st := newStage(t, readable, func(c *Config) { c.Env.Local = func(*monitor.Flow) *monitor.Local { return known } })
	st.s.Replay = true
	f := flowOf(monitor.TCP, "203.0.113.1:40000", "203.0.113.9:443", "203.0.113.1:40000", "203.0.113.9:443", assured,
		monitor.PathOut)
	for i, l := range []*monitor.Local{nil, {Process: "curl", Match: monitor.MatchExact}} {
		known = l
		st.event(monitor.KindUpdate, float64(30-i), live(f, monitor.TCPEstablished, 432000), timed, nil)
		st.commit()
		st.size(120, 30)
		if s := st.screen(); strings.Contains(s, "PROCESS") != (l != nil) || strings.Contains(s, "curl") != (l != nil) {
			t.Errorf("known %v:\n%s", l, s)
		}
	}
}

// A group of Top is a filter, and so is a filter that is typed.
func TestLocalFilter(t *testing.T) {
	st := owned(t)
	st.size(120, 30)
	st.press("3oooo<enter>")
	if want := `process "cu\x1brl"`; st.s.Text != want {
		t.Errorf("filter %q, want %q", st.s.Text, want)
	}
	if s := st.screen(); !strings.Contains(s, ":40000") || strings.Contains(s, ":40002") {
		t.Errorf("%s", s)
	}
	if err := st.s.SetFilter("pod shop/*"); err != nil {
		t.Fatal(err)
	}
	st.press("1")
	if s := st.screen(); strings.Contains(s, ":40000") || !strings.Contains(s, ":40002") {
		t.Errorf("%s", s)
	}
}

// Without --process a filter for processes is refused.
func TestLocalFilterRefused(t *testing.T) {
	st := newStage(t)
	golden.Words(t, "tcp and process curl", st.s.SetFilter("tcp and process curl"))
}

// An export has them too.
func TestLocalExport(t *testing.T) {
	files := &disk{files: map[string]*file{}}
	st := owned(t, func(c *Config) { c.Exporter = files })
	st.size(120, 30)
	st.press("/container web<enter>es<enter>")
	for _, f := range files.files {
		if len(f.events) == 1 && f.events[0].Local.Name() == "web" {
			return
		}
	}
	t.Errorf("files %v\n%s", files.files, st.screen())
}
