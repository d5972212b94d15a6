//go:build linux

package table

import (
	"fmt"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// Each flow of several namespaces has the name of its own, and a filter selects one.
func TestListEvery(t *testing.T) {
	a, b := labtest.NewInhabited(t, 0), labtest.NewInhabited(t, 1)
	a.Flows(t, 128)
	b.Flows(t, 64)
	inA, inB := a.Name+" "+a.Source, b.Name+" "+b.Source
	for args, want := range map[string]map[string]int{
		"udp net 198.18.0.0/15": {inA: 128, inB: 64},
		"netns " + a.Name:       {inA: 128},
	} {
		got := clitest.Run(t.Context(), NewList, "", append(strings.Fields("--netns all -o jsonl"), args)...)
		count := map[string]int{}
		for _, line := range clitest.Lines(t, got.Stdout) {
			if where := fmt.Sprint(line["netns"], " ", line["orig"].(map[string]any)["src"]); want[where] > 0 || len(want) == 1 {
				count[where]++
			}
		}
		if fmt.Sprint(count) != fmt.Sprint(want) || got.Err != nil {
			t.Errorf("%s: %v, %v, want %v; %s", args, got.Err, count, want, got.Stderr)
		}
	}
	few := clitest.Run(t.Context(), NewList, "", strings.Fields("--netns all -o jsonl --limit 3 udp net 198.18.0.0/15")...)
	if n := strings.Count(few.Stdout, "\n"); few.Err != nil || n != 3 || strings.Contains(few.Stderr, "stop") {
		t.Errorf("--limit 3: %v, %d flows, %s", few.Err, n, few.Stderr)
	}
}
