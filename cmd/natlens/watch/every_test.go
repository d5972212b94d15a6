//go:build linux

package watch

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// flowsIn counts the lines of one namespace's flows, by event.
func flowsIn(t *testing.T, lines string, p *labtest.Inhabited) string {
	t.Helper()
	count := map[any]int{}
	for _, line := range clitest.Lines(t, lines) {
		if orig, ok := line["orig"].(map[string]any); ok && line["netns"] == p.Name && orig["src"] == p.Source {
			count[line["event"]]++
		}
	}
	return fmt.Sprint(count)
}

// Each flow of several namespaces has the name of its own. What is read back is the same.
func TestEvery(t *testing.T) {
	a, b := labtest.NewInhabited(t, 0), labtest.NewInhabited(t, 1)
	a.Flows(t, 128)
	args := strings.Fields("--netns all udp net 198.18.0.0/15")
	file := filepath.Join(t.TempDir(), "all.jsonl.zst")
	shown := clitest.Start(t, New, append(args, "-e", "new")...)
	record := clitest.Start(t, NewRecord, append([]string{file}, args...)...)
	b.Flows(t, 64)
	shown.WaitLines(t, 64, `"netns":"`+b.Name+`"`)
	live := shown.Stop(t)
	if inA, inB := flowsIn(t, live.Stdout, a), flowsIn(t, live.Stdout, b); live.Err != nil || inA != "map[]" || inB != "map[new:64]" {
		t.Errorf("%v: %s and %s", live.Err, inA, inB)
	}
	if again := from(t, recording(t, live.Stdout), ""); again.Stdout != live.Stdout {
		t.Errorf("read back: %s", again.Stdout)
	}
	labtest.WaitFor(t, "the recorded flows", func() bool {
		return flowsIn(t, from(t, file, "--quiet -e new").Stdout, b) == "map[new:64]"
	})
	if got := record.Stop(t); got.Err != nil {
		t.Fatal(got.Err)
	}
	if inA := flowsIn(t, from(t, file, "").Stdout, a); inA != "map[existing:128]" {
		t.Errorf("recorded: %s", inA)
	}
}

// Findings and metrics of 50 namespaces are kept apart.
func TestFifty(t *testing.T) {
	var all []*labtest.Inhabited
	for i := range 50 {
		all = append(all, labtest.NewInhabited(t, i))
	}
	// A window may end among the flows of a namespace: then one of the two has at least 64 of them.
	r := clitest.Start(t, New, strings.Fields("--netns all --findings --threshold many-destinations=50 --metrics 127.0.0.1:0 event destroy")...)
	var lines []string
	for _, one := range all {
		one.Flows(t, 128)
		for _, line := range []string{
			`natlens_events_total{kind="new",netns="%s",protocol="udp",state="unreplied"} 128`,
			`natlens_flows{netns="%s",protocol="udp",state="unreplied"} 128`,
			`natlens_table_entries{netns="%s"} 128`,
		} {
			lines = append(lines, fmt.Sprintf(line, one.Name))
		}
	}
	for _, one := range all {
		r.WaitLines(t, 1, `"rule":"many-destinations","severity":"warn","subject":"`+one.Source+" in "+one.Name+`"`)
	}
	waitMetrics(t, r, lines...)
	if got := r.Stop(t); got.Err != nil {
		t.Errorf("%v, %s", got.Err, got.Stderr)
	}
}
