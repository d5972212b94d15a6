//go:build linux

package watch

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// A finding appears once and is cleared once, also of flows that began before and that the filter does not
// select. Its filter selects these flows.
func TestFindings(t *testing.T) {
	// With 2 the ends of flows that began before would be seen a minute late.
	l := labtest.NewWith(t, lab.Config{Sysctls: map[string]string{"net.netfilter.nf_conntrack_events": "1"}})
	labtest.Unanswered(t, l, 6)
	r := begin(t, l, "--findings", "--threshold", "syn-unanswered=6", "--threshold", "syn-age=50ms", "udp")
	next := func(n int) map[string]any {
		t.Helper()
		r.WaitLines(t, n, `"event":"finding"`)
		var found []map[string]any
		for line := range strings.Lines(r.Stdout.String()) {
			if strings.Contains(line, `"event":"finding"`) {
				found = append(found, clitest.Lines(t, line)...)
			}
		}
		return found[n-1]
	}
	f := next(1)
	words := f["filter"].(string)
	if f["finding"] != "appeared" || f["rule"] != "syn-unanswered" || f["severity"] != "warn" || f["subject"] != "203.0.113.66:81" ||
		f["flows"] != 6.0 || len(f["examples"].([]any)) != 4 || !strings.HasSuffix(f["command"].(string), " '"+words+"'") || !strings.Contains(f["command"].(string), "natlens list --netns ") {
		t.Errorf("%v", f)
	}
	if got := begin(t, l, "--existing", "--limit", "6", "-o", "conntrack", words).Wait(t); strings.Count(got.Stdout, "[UNREPLIED]") != 6 {
		t.Errorf("%s: %v\n%s", words, got.Err, got.Stdout)
	}
	labtest.ForgetFlows(t, l)
	if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS}); err != nil {
		t.Fatal(err)
	}
	gone := next(2)
	if gone["finding"] != "cleared" || gone["rule"] != f["rule"] || gone["subject"] != f["subject"] || gone["seq"].(float64) <= f["seq"].(float64) {
		t.Errorf("%v", gone)
	}
	if got := r.Stop(t); got.Err != nil || strings.Count(got.Stdout, `"finding":`) != 2 {
		t.Errorf("%v\n%s", got.Err, got.Stdout)
	}
}

// A format without a line for findings stays as it is: they are notes.
func TestFindingsNotes(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	labtest.Unanswered(t, l, 6)
	r := begin(t, l, "--findings", "--threshold", "syn-unanswered=6", "--threshold", "syn-age=50ms", "-o", "csv", "false")
	const want = "natlens: syn-unanswered: 6 TCP connections to 203.0.113.66:81 not answered, 6 for 50ms and longer → "
	labtest.WaitFor(t, "a note", func() bool { return strings.Contains(r.Stderr.String(), want) })
	if got := r.Stop(t); got.Err != nil || strings.Count(got.Stdout, "\n") > 1 {
		t.Errorf("%v, %s", got.Err, got.Stdout)
	}
}
