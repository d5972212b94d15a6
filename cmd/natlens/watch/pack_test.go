//go:build linux

package watch

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/export"
)

// lifeLines are a flow through SNAT that lives from second 1 to 9, and a second one.
//
//go:embed testdata/life.jsonl
var lifeLines string

// TestPackedCutAnywhere cuts packed recordings at every byte: what is left is read
// without an error, and is what the whole one begins with.
func TestPackedCutAnywhere(t *testing.T) {
	for _, ending := range []string{".gz", ".zst"} {
		path := filepath.Join(t.TempDir(), "x.jsonl"+ending)
		part, err := export.CreatePart(path, export.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(lifeLines) {
			before := part.Size()
			if _, err := part.Write([]byte(line)); err != nil || part.Size() == before {
				t.Fatalf("%s: %v, or the file has not grown", ending, err)
			}
		}
		if err := part.Close(); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		for n := 20; n <= len(whole); n += 3 {
			if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			r := clitest.Run(t.Context(), New, "", "--quiet", "-o", "jsonl", "--from", path)
			if r.Code() != 0 || !strings.HasPrefix(lifeLines, r.Stdout) {
				t.Fatalf("%s cut at %d of %d: code %d, %s%s", ending, n, len(whole), r.Code(), r.Stderr, r.Stdout)
			}
			most = max(most, strings.Count(r.Stdout, "\n"))
		}
		if most < 3 {
			t.Errorf("%s: never more than %d lines", ending, most)
		}
	}
}
