package findings

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// TestDocs compares the tables of docs/findings.md with the rules and the thresholds. The columns evidence and why are
// in the page only, and must not be empty.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := "| rule | what it means | evidence | cause and remedy | thresholds and defaults |\n| --- | --- | --- | --- | --- |\n"
	for _, r := range Rules() {
		rules += fmt.Sprintf("| `%s` (%s) | %s | … | %s | %s |\n", r.ID, r.Severity, r.Means, r.Why, thresholdsOf(&r))
	}
	thresholds := "| threshold | default | counts | why |\n| --- | --- | --- | --- |\n"
	for _, x := range AllThresholds() {
		thresholds += fmt.Sprintf("| `%s` | %s | %s | … |\n", x.Name, x.Default, x.Means)
	}
	for _, table := range []string{rules, thresholds} {
		pattern := "\n\n" + strings.ReplaceAll(regexp.QuoteMeta(table), "…", "[^|\n]{10,}") + "\n"
		if !regexp.MustCompile(pattern).Match(page) {
			t.Errorf("docs/findings.md should have\n\n%s", table)
		}
	}
}

// TestSet sets each kind of threshold, and expects an error for other text.
func TestSet(t *testing.T) {
	for _, c := range []struct {
		set  string
		want float64
		bad  bool
	}{
		{"syn-unanswered=7", 7, false},
		{"snat-ports=90%", 90, false},
		{"snat-ports=90", 90, false},
		{"syn-age=1500ms", 1.5, false},
		{"idle-age=2h", 7200, false},
		{"window=1m", 60, false},
		{"many-flows=0.5", 0.5, false},
		{"syn-age=3", 3, true},
		{"syn-age=-3s", 3, true},
		{"syn-unanswered=0", 20, true},
		{"syn-unanswered=many", 20, true},
		{"syn-unanswered=NaN", 20, true},
		{"syn-unanswered=Inf", 20, true},
		{"snat-ports=101%", 80, true},
		{"syn-unanswered", 20, true},
	} {
		l := DefaultThresholds()
		name, _, _ := strings.Cut(c.set, "=")
		err := l.Set(c.set)
		if golden.Words(t, c.set, err); (err != nil) != c.bad {
			t.Errorf("%s: %v", c.set, err)
		}
		for i := range thresholds {
			if thresholds[i].Name == name && l[i] != c.want {
				t.Errorf("%s: %v, want %v", c.set, l[i], c.want)
			}
		}
	}
}

// TestTimeText expects times as people write them.
func TestTimeText(t *testing.T) {
	e := New(Config{})
	for seconds, want := range map[float64]string{3: "3s", 0.75: "750ms", 60: "1m", 90: "1m30s", 3600: "1h", 5400: "1h30m", 600: "10m", 10: "10s"} {
		e.cfg.Thresholds[synAge] = seconds
		if got := e.text(synAge); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
}

// TestSetUnknown expects the error to list every name that is accepted.
func TestSetUnknown(t *testing.T) {
	l := DefaultThresholds()
	err := l.Set("syn=1")
	if golden.Words(t, "syn=1", err); err == nil || l != DefaultThresholds() {
		t.Fatal(err)
	}
	for _, x := range AllThresholds() {
		if !strings.Contains(err.Error(), " "+x.Name) {
			t.Errorf("%s is not named: %v", x.Name, err)
		}
	}
}

// TestRules expects all rules and thresholds to be described, each once.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if r.ID == "" || r.Means == "" || r.Why == "" || seen[r.ID] || r.Severity > monitor.SeverityFail || r.thresholds == nil {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = true
	}
	clear(seen)
	for i, v := range DefaultThresholds() {
		if v <= 0 {
			t.Errorf("%s has no default", thresholds[i].Name)
		}
	}
	for _, l := range AllThresholds() {
		if l.Name == "" || l.Default == "" || l.Means == "" || seen[l.Name] {
			t.Errorf("%+v", l)
		}
		seen[l.Name] = true
	}
}

// thresholdsOf writes the thresholds of a rule with their defaults.
func thresholdsOf(r *Rule) (text string) {
	for i, t := range r.thresholds {
		if i > 0 {
			text += ", "
		}
		text += "`" + thresholds[t].Name + "` " + thresholds[t].Default
	}
	return text
}
