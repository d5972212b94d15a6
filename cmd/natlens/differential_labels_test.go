//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/nftables"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// labelConf names some labels, with what conntrack(8) passes over between them.
const labelConf = "# a comment\n3 web\n5 ssh\n\n0x10 sixteen\n127 last\n3 again\n200 beyond\n7 two words\n"

// labelNames is the label names of both programs: conntrack(8) reads one
// file, which a mount namespace of its own puts there.
type labelNames struct{ path string }

func newLabelNames(t *testing.T) labelNames {
	t.Helper()
	n := labelNames{filepath.Join(t.TempDir(), "connlabel.conf")}
	if err := os.WriteFile(n.path, []byte(labelConf), 0o644); err != nil {
		t.Fatal(err)
	}
	return n
}

// Command is conntrack(8) with the names, or, of the zero value, with the host's.
func (n labelNames) Command(args ...string) *exec.Cmd {
	if n.path == "" {
		return exec.Command("conntrack", args...)
	}
	const script = `set -e; mount -t tmpfs none /etc; mkdir /etc/xtables; cat > /etc/xtables/connlabel.conf; exec conntrack "$@"`
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", script, "sh"}, args...)...)
	cmd.Stdin = strings.NewReader(labelConf)
	return cmd
}

// theirs runs conntrack(8) in the namespace, with the names.
func (n labelNames) theirs(t *testing.T, ns *lab.Namespace, args ...string) answer {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := n.Command(args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := ns.Do(cmd.Run)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return answer{out.String(), conntrackName.ReplaceAllString(stderr.String(), ""), cmd.ProcessState.ExitCode()}
}

// ours runs natlens with the same command line and names.
func (n labelNames) ours(t *testing.T, ns *lab.Namespace, args ...string) answer {
	t.Helper()
	got := call(t.Context(), cli.Console{LabelFile: n.path}, append(slices.Clone(args), "--netns", ns.Path())...)
	return answer{got.stdout.String(), strings.ReplaceAll(got.stderr.String(), "natlens: ", ""), got.code}
}

// labelLines are command lines about labels, each over the same entries.
var labelLines = []string{
	"-L -o labels", "-L -o labels,id", "-L -o extended,labels", "-L -o xml,labels", "-L -l web", "-L --label ssh", "-L -l web,ssh", "-L -l web -l ssh",
	"-L -l sixteen -o labels", "-L -l last -o labels", "-L -l again", "-L -l nosuch", "-L -l web -p udp", "-L -l web -f ipv6", "-L -l web -m 0", "-L -l web -o save",
	"-G -p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 -o labels", "-G -p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 -l web",
	"-D -l web", "-D -l web,ssh", "-D -l last -f ipv4", "-D -l again",
	"-U -f ipv4 -p udp --label-add ssh", "-U -f ipv4 -p udp --label-add web,last", "-U -f ipv4 -l web --label-add ssh", "-U -f ipv4 -l ssh --label-del ssh",
	"-U -f ipv4 -l ssh --label-del web,ssh", "-U -f ipv4 -l web --label-del", "-U -f ipv4 -p udp --label-add nosuch", "-U -f ipv4 -l web -m 9", "-U -f ipv6 -l web --label-add last",
	"-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --label-add web", "-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --label-add web,last",
	"-A -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --label-add ssh", "-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --label-add nosuch",
	"-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -l web",
}

// keepLabels adds a rule that sets a label: without one the kernel keeps none.
func keepLabels(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := labtest.AddRule(l, nftables.TableFamilyIPv4, "filter", "mangle_prerouting", lab.Proto(17), lab.Dport(9), labtest.SetLabel(3)); err != nil {
		t.Fatal(err)
	}
}

// TestLabelsSame has both programs read and change labels by their names.
func TestLabelsSame(t *testing.T) {
	needConntrack(t)
	l := labtest.New(t)
	keepLabels(t, l)
	names, ns := newLabelNames(t), l.Gateway
	for _, text := range labelLines {
		args := strings.Fields(text)
		labelled(t, ns)
		them, left := names.theirs(t, ns, args...), names.theirs(t, ns, "-L", "-o", "extended,labels")
		if args[0] != "-L" && args[0] != "-G" {
			labelled(t, ns)
		}
		us, leftByUs := names.ours(t, ns, args...), names.theirs(t, ns, "-L", "-o", "extended,labels")
		if us.code != them.code {
			t.Errorf("%q: exit code %d (%q), conntrack's is %d (%q)", args, us.code, us.stderr, them.code, them.stderr)
		}
		if a, b := steady(them.stdout), steady(us.stdout); args[0] == "-U" {
			updatesShown(t, args, a, b, us.stderr)
		} else if a != b {
			t.Errorf("%q: %s", args, firstDifference(a, b))
		}
		if entriesLine.MatchString(them.stderr) && us.stderr != them.stderr {
			t.Errorf("%q: on stderr %q, conntrack says %q", args, us.stderr, them.stderr)
		}
		if a, b := steady(left.stdout), steady(leftByUs.stdout); a != b {
			t.Errorf("%q leaves: %s", args, firstDifference(a, b))
		}
	}
}

// updatesShown expects each entry that was updated among natlens's lines, and
// among these all of conntrack(8)'s: it reads an old answer of the kernel before
// each second entry, and does not show that one.
func updatesShown(t *testing.T, args []string, theirs, ours, stderr string) {
	t.Helper()
	lines := strings.Split(ours, "\n")
	for _, line := range strings.Split(theirs, "\n") {
		if !slices.Contains(lines, line) {
			t.Errorf("%q: natlens does not show %q but\n%s", args, line, ours)
		}
	}
	if n, _, ok := strings.Cut(stderr, " flow entries"); ok && n != strconv.Itoa(len(lines)-1) {
		t.Errorf("%q: %s but %d lines", args, stderr, len(lines)-1)
	}
}

// labelled rebuilds the table: flows without labels, with one, with two.
func labelled(t *testing.T, ns *lab.Namespace) {
	t.Helper()
	s := emptied(t, ns)
	defer s.Close()
	timeout := uint32(1990)
	for i, bits := range [][]int{nil, {3}, {5}, {3, 5}, {16, 127}} {
		for _, from := range []string{"192.0.2.1", "2001:db8::1"} {
			to := map[string]string{"192.0.2.1": "198.51.100.2", "2001:db8::1": "2001:db8::2"}[from]
			f := plainFlow(monitor.UDP, from, to, uint16(3+i), 443)
			c := kernel.Change{Timeout: &timeout}
			for _, bit := range bits {
				if c.Labels == nil {
					c.Labels = make([]byte, 16)
				}
				c.Labels[bit/8] |= 1 << (bit % 8)
			}
			if err := s.Create(t.Context(), &f, &c); err != nil {
				t.Fatal(err)
			}
		}
	}
}
