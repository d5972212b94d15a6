//go:build linux

package explain

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
)

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2 dport 70000
1 --netns nowhere
2 --limit -1
1 --from ../watch/testdata/life.jsonl --at +1s dport 1
`)
}

// A flow of a recording is drawn as it was at --at.
func TestFrom(t *testing.T) {
	got := clitest.Run(t.Context(), New, "", "--from", "../watch/testdata/life.jsonl", "--at", "+2s", "--width", "100", "snat")
	if got.Err != nil || !strings.Contains(got.Stdout, "FORWARD") || !strings.Contains(got.Stdout, "203.0.113.1:39502") {
		t.Errorf("%v\n%s%s", got.Err, got.Stdout, got.Stderr)
	}
}

// A shell is offered what fits.
func TestCompletion(t *testing.T) {
	clitest.CheckCompletion(t, New, `
icmp.i → icmp.id
`)
}
