//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

// matrixChanges delete or change a part of the matrix.
var matrixChanges = []string{
	"-D -p udplite", "-D -f ipv6 -p gre", "-D -g -f ipv4 -p tcp", "-D -n -p sctp", "-D -w 5", "-D --orig-zone 6 -p tcp", "-D -u ASSURED", "-D -m 0x4/0xff -f ipv6",
	"-D -s 192.0.2.1 -q 203.0.113.1", "-D -r ::1", "-D -p udp --reply-port-src 9091", "-D -p icmp -o extended",
}

// TestMatrixChangesSame has both programs change the matrix, and compares what they
// print and what they leave.
func TestMatrixChangesSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	for _, text := range matrixChanges {
		args := strings.Fields(text)
		matrix(t, ns)
		them, left := theirs(t, ns, args...), theirs(t, ns, "-L", "-o", "extended")
		matrix(t, ns)
		us, leftByUs := ours(t, ns, args...), theirs(t, ns, "-L", "-o", "extended")
		if a, b := sorted(steady(them.stdout)), sorted(steady(us.stdout)); a != b || a == "" {
			t.Errorf("%q: %s", args, firstDifference(a, b))
		}
		if us.code != them.code || us.told != them.told {
			t.Errorf("%q: exit codes %d and %d, %q and %q", args, them.code, us.code, them.told, us.told)
		}
		if a, b := sorted(steady(left.stdout)), sorted(steady(leftByUs.stdout)); a != b {
			t.Errorf("%q leaves: %s", args, firstDifference(a, b))
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
