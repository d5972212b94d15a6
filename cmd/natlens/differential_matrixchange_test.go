//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"

	"natlens/monitor/lab"
)

// matrixChanges delete or change a part of the matrix.
var matrixChanges = []string{
	"-D -p udplite", "-D -f ipv6 -p gre", "-D -g -f ipv4 -p tcp", "-D -n -p sctp", "-D -w 5", "-D --orig-zone 6 -p tcp", "-D -u ASSURED", "-D -m 0x4/0xff -f ipv6",
	"-D -s 192.0.2.1 -q 203.0.113.1", "-D -r ::1", "-D -p udp --reply-port-src 9091", "-D -p icmp -o extended", "-D -w 5 -o save", "-D -p sctp -o save",
}

// TestMatrixChangesSame has both programs change the matrix, and compares what they
// print and what they leave.
func TestMatrixChangesSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	fill := func(t *testing.T, ns *lab.Namespace) { matrix(t, ns) }
	for _, text := range matrixChanges {
		them, us := compareChange(t, ns, fill, strings.Fields(text), sorted)
		if us.stderr != them.stderr || them.stdout == "" {
			t.Errorf("%q: %q and %q on stderr, %d bytes on stdout", text, them.stderr, us.stderr, len(them.stdout))
		}
	}
}

// sorted are lines in another order than the table's, which is another one for
// each table: in theirs.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
