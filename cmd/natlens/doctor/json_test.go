//go:build linux

package doctor

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/doctor"
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
