//go:build linux

package who

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2
2 203.0.113.7 203.0.113.8
2 203.0.113
2 203.0.113.7:99999
2 [203.0.113.7
2 --inside host
2 203.0.113.7 -p tpc
2 203.0.113.7 -p 256
2 203.0.113.7 --at 14:32 --since 12:00
2 203.0.113.7 --live --at 14:32
2 203.0.113.7 --live --history DIR
2 203.0.113.7 --limit -1
1 203.0.113.7 --history DIR
1 203.0.113.7 --from DIR/none
1 203.0.113.7 --from DIR/there
2 203.0.113.7 --from - --at 14:32
2 203.0.113.7 --live -o csv
`)
}

func TestExportMisuse(t *testing.T) {
	clitest.CheckMisuse(t, NewHistory, `
2 export --history DIR -o xml x
1 export --history DIR/none x
`)
}

// In an empty table the reason why nothing is found goes to standard error, whatever the format.
func TestEmptyTable(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, format := range []string{"pretty", "json"} {
		got := clitest.Run(t.Context(), New, "", "--live", "--netns", g.Namespace().Path(), "-o", format, "192.0.2.1:443")
		if got.Code() != 1 || strings.Contains(got.Stdout, "empty") || !strings.HasPrefix(got.Stderr, "natlens: the table is empty: ") {
			t.Errorf("%s: %v, %s%s", format, got.Err, got.Stdout, got.Stderr)
		}
	}
}

// Each translation in the tables of several namespaces has the name of its own.
func TestEvery(t *testing.T) {
	made := map[string]int{}
	for i, flows := range []int{128, 64} {
		p := labtest.NewInhabited(t, i)
		p.Flows(t, flows)
		made[p.Name+" "+p.Source] = flows
	}
	for where, flows := range made {
		_, inside, _ := strings.Cut(where, " ")
		got := clitest.Run(t.Context(), New, "", "--inside", inside, "--live", "--netns", "all", "-o", "jsonl")
		count := 0
		for _, line := range clitest.Lines(t, got.Stdout) {
			if line["netns"] == strings.Fields(where)[0] {
				count++
			}
		}
		if got.Err != nil || count != flows {
			t.Errorf("%s: %v, %d translations, want %d; %s", where, got.Err, count, flows, got.Stderr)
		}
	}
}

// A shell is offered what fits.
func TestCompletion(t *testing.T) {
	clitest.CheckCompletion(t, New, `
-p|s → sctp
203.0.113.7|-o| → pretty json jsonl
203.0.113.7|--at| → 
`)
}
