//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

// TestSavedLinesMakeTheFlows takes the lines that -o save prints of the whole
// matrix, and has natlens make the flows with them: what is saved then is the
// same, but for seconds. conntrack --load-file takes natlens's lines too.
func TestSavedLinesMakeTheFlows(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	flows := matrix(t, ns)
	saved := ours(t, ns, "-L", "-o", "save")
	if n := strings.Count(saved.stdout, "\n"); n != len(flows) {
		t.Fatalf("%d lines of %d flows: %s", n, len(flows), saved.stderr)
	}
	want := savedTable(saved.stdout)
	emptied(t, ns).Close()
	for line := range strings.Lines(saved.stdout) {
		if got := ours(t, ns, strings.Fields(line)...); got.code != 0 || got.stderr != "1 flow entries have been added.\n" {
			t.Errorf("%s: code %d, %s", strings.TrimSpace(line), got.code, got.stderr)
		}
	}
	if got := savedTable(theirs(t, ns, "-L", "-o", "save").stdout); got != want {
		t.Errorf("natlens makes others: %s", firstDifference(want, got))
	}
	emptied(t, ns).Close()
	if got := theirsFed(t, ns, saved.stdout, "--load-file", "-"); got.code != 0 {
		t.Errorf("conntrack does not take the lines: %s", got.stderr)
	}
	if got := savedTable(ours(t, ns, "-L", "-o", "save").stdout); got != want {
		t.Errorf("conntrack makes others: %s", firstDifference(want, got))
	}
}

// savedTable is a table as command lines, in order and without the seconds.
func savedTable(lines string) string {
	out := strings.Split(lines, "\n")
	for i, line := range out {
		if f := strings.Fields(line); len(f) > 2 && f[1] == "-t" {
			out[i] = strings.Join(slices.Delete(f, 1, 3), " ")
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
