package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/translation"
	"natlens/monitor/translation/translationtest"
)

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestDocumentedSchema compares docs/history.md with the schemas, and the columns
// that both tables have in common.
func TestDocumentedSchema(t *testing.T) {
	page := readPage(t)
	for _, sql := range []string{closedSQL, openSQL} {
		if !strings.Contains(page, "```sql\n"+sql+"```\n") {
			t.Errorf("docs/history.md does not have\n%s", sql)
		}
	}
	common := func(create string) []string { return regexp.MustCompile(`(?m)^\t[a-z_]+ .*`).FindAllString(create, -1) }
	clean := func(lines []string) (out []string) {
		for _, line := range lines {
			line, _, _ = strings.Cut(line, " --")
			out = append(out, strings.TrimRight(line, " ,"))
		}
		return out
	}
	closed, open := clean(common(closedSchema[0])), clean(common(openSchema[0]))
	if !slices.Equal(closed[1:], open) {
		t.Errorf("the tables differ:\n%q\n%q", closed, open)
	}
}

// TestShell runs the three lines of docs/history.md for 200 questions, and compares
// what the sqlite3 shell prints with the reader's answers.
func TestShell(t *testing.T) {
	shell, ok := labtest.Have(t, "sqlite3")
	if !ok {
		t.Skip("sqlite3 is not installed")
	}
	_, script, _ := strings.Cut(readPage(t), "```bash\n")
	script, _, ok = strings.Cut(script, "```\n")
	if !ok || strings.Count(script, "\n") != 3 {
		t.Fatalf("the page has no three lines: %q", script)
	}
	script = strings.ReplaceAll(script, "sqlite3", shell)
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, RowsPerFile: 100, Clock: newClock(at(0)).read})
	dice := rand.New(rand.NewPCG(1, 2))
	var f feed
	for n := range 600 {
		flow := snat(fmt.Sprintf("10.0.0.%d:%d", n%20, 1000+n), fmt.Sprintf("203.0.113.%d:%d", n%3, 32768+n%50), "198.51.100.9:443")
		if n%5 == 0 {
			flow = translationtest.Flow(fmt.Sprintf("198.51.100.1:%d", n+1), "203.0.113.1:8080", fmt.Sprintf("10.0.0.254:%d", n+1), "10.0.0.7:80")
		}
		began := dice.IntN(3000)
		f.Add(monitor.KindNew, at(began), uint64(n+1), flow)
		if n%4 > 0 {
			f.Add(monitor.KindDestroy, at(began+dice.IntN(8000)), uint64(n+1), flow)
		}
		if n%100 == 99 {
			write(t, w, &f)
			syncUp(t, w)
		}
	}
	answered := 0
	for n := range 200 {
		outside, second := fmt.Sprintf("203.0.113.%d", n%3), at(dice.IntN(5000))
		port := 32768 + n%50
		if n%7 == 0 {
			outside, port = "203.0.113.1", 8080
		}
		if n == 100 {
			closeWriter(t, w)
		}
		q := translation.Query{Outside: end(fmt.Sprintf("%s:%d", outside, port)), Since: second, Until: second + translationtest.Second - 1}
		answers, _ := ask(t, dir, q)
		var want []string
		for i := range answers {
			a := &answers[i]
			want = append(want, fmt.Sprintf("%s|%d|%d|%d", a.Inside(a.Side).Addr, a.Inside(a.Side).Port, a.Start, a.End))
		}
		cmd := exec.Command("sh", "-c", strings.NewReplacer("203.0.113.7", outside, "32768", fmt.Sprint(port),
			"2026-11-22T14:32:15Z", second.Time().Format(time.RFC3339)).Replace(script))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got := strings.Fields(string(out))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s:%d at %v: sqlite3 has %q, the reader %q", outside, port, second.Time(), got, want)
		}
		answered += len(want)
	}
	if answered < 200 {
		t.Errorf("only %d answers", answered)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "closed-*-wal")); len(left) > 0 {
		t.Errorf("logs are left: %q", left)
	}
}
