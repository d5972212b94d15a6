//go:build linux

package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestJSONDocs holds the page's fields of the JSON to those that there are.
func TestJSONDocs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	section := string(page)[strings.Index(string(page), "## JSON"):]
	fix := doctor.Check{Evidence: map[string]any{"a": 1}, Command: "a", Fix: []doctor.Setting{{Name: "a"}}, In: []string{"a"}}
	e := &examined{
		all:    []doctor.Named{{Snapshot: &doctor.Snapshot{}}},
		checks: []doctor.Check{fix},
		found:  []monitor.Finding{{Flows: 1}},
		name:   func(monitor.NetNS) string { return "a" },
	}
	var out map[string]any
	if err := json.Unmarshal(e.json(), &out); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for name, value := range out {
		fields = append(fields, "\n| `"+name+"` | ")
		list, _ := value.([]any)
		for _, one := range list {
			for inner := range one.(map[string]any) {
				if name == "checks" {
					fields = append(fields, "\n| `checks[]."+inner+"` | ")
				} else {
					fields = append(fields, "`"+inner+"`")
				}
			}
		}
	}
	if len(fields) != 5+7+10 {
		t.Errorf("%d fields: %q", len(fields), fields)
	}
	for _, field := range fields {
		if !strings.Contains(section, field) {
			t.Errorf("the page does not have %q", field)
		}
	}
}

// doctor reports a finding with its flows, and nothing when the cause is gone.
func TestFindings(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	labtest.Unanswered(t, l, 6)
	run := func(args ...string) string {
		args = append(args, "--for", "1500ms", "--threshold", "syn-unanswered=6", "--netns", l.Gateway.Path())
		return clitest.Run(t.Context(), New, "", args...).Stdout
	}
	found := func() string {
		var out struct {
			Findings []struct {
				Rule, Subject, Filter string
				Flows                 uint64
				Figures               map[string]float64
			}
		}
		text := run("-o", "json")
		if err := json.Unmarshal([]byte(text), &out); err != nil || out.Findings == nil {
			t.Fatalf("%v: %s", err, text)
		}
		return fmt.Sprint(out.Findings)
	}
	const want = "[{syn-unanswered 203.0.113.66:81 tcp syn_sent unreplied dst 203.0.113.66 dport 81 6 map[flows:6 limit:6]}]"
	if got := found(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	const line = "\n! syn-unanswered      6 TCP connections to 203.0.113.66:81 not answered, 6 for 750ms and longer → "
	if text := run(); !strings.Contains(text, line) {
		t.Error(text)
	}
	labtest.ForgetFlows(t, l)
	if got := found(); got != "[]" {
		t.Errorf("after: %s", got)
	}
}
