package tui

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"natlens/monitor"
)

type player struct {
	Playing
	log []string
}

func (p *player) State() Playing { return p.Playing }
func (p *player) Play(on bool)   { p.On = on; p.log = append(p.log, fmt.Sprint("play ", on)) }
func (p *player) Speed(f float64) {
	p.Playing.Speed = f
	p.log = append(p.log, fmt.Sprint("speed ", f))
}
func (p *player) Seek(to monitor.Time) {
	p.At = to
	p.log = append(p.log, fmt.Sprint("seek ", int64(to-p.Start)/1e9))
}

func TestPlayer(t *testing.T) {
	p := &player{Playing: Playing{On: true, Speed: 1, Start: stageNow - 60e9, At: stageNow - 45e9, Finish: stageNow}}
	st := newStage(t, func(c *Config) { c.Player = p })
	st.gateway()
	st.goldenScreens("player", nil)
	st.colour(colorprofile.NoTTY)
	st.size(80, 24)
	st.press("p<space>+-[]]")
	for range 12 {
		st.press("-")
	}
	st.screen()
	st.send(tea.MouseClickMsg{X: st.header.barAt + st.header.barN/2, Y: 2, Button: tea.MouseLeft})
	want := "play false, play true, speed 2, speed 1, seek 5, seek 15, seek 25, speed 0.5, speed 0.25, speed 0.125, speed 0.1"
	if got := strings.Join(p.log, ", "); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "seek 29") {
		t.Errorf("steered: %s", got)
	}
	if line := strings.Split(st.screen(), "\n")[2]; !strings.HasPrefix(line, " ▶  0.1×") {
		t.Errorf("%q", line)
	}
}

// The keys lead to the same speeds on both ways, also from the fastest and from one
// that the command line gave.
func TestPlayerSpeeds(t *testing.T) {
	p := &player{Playing: Playing{Speed: 3, Start: stageNow - 60e9, At: stageNow - 45e9, Finish: stageNow}}
	st := newStage(t, func(c *Config) { c.Player = p })
	for range 7 {
		st.press("+")
	}
	for range 9 {
		st.press("-")
	}
	want := "speed 4, speed 8, speed 16, speed 32, speed 64, speed 100, speed 100, " +
		"speed 64, speed 32, speed 16, speed 8, speed 4, speed 2, speed 1, speed 0.5, speed 0.25"
	if got := strings.Join(p.log, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
