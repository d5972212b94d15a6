//go:build linux

package lab

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2 --watch dport 70000
2
2 --theme dark --capture socket --threshold syn-age=3s
2 --event-mask new
2 --limit 3
2 --watch --theme dark
2 --watch --netns x
`)
}

// A shell is offered what fits.
func TestCompletion(t *testing.T) {
	clitest.CheckCompletion(t, New, `
--watch|established|and|mas → master
--theme|d → dark
`)
}

func TestMain(m *testing.M) { labtest.Main(m) }

// The capture begins before the traffic: the first events belong to new flows through NAT.
func TestStream(t *testing.T) {
	got := clitest.Run(t.Context(), New, "", strings.Fields("--watch --limit 20 nat")...)
	events := map[any]int{}
	for _, line := range clitest.Lines(t, got.Stdout) {
		events[line["event"]]++
		if kind := line["nat"].(map[string]any)["kind"]; kind != "snat" && kind != "dnat" {
			t.Errorf("%v", line)
		}
	}
	if got.Err != nil || events["new"] == 0 || events["new"]+events["update"]+events["destroy"] != 20 {
		t.Errorf("%v, %v, %s", got.Err, events, got.Stderr)
	}
}
