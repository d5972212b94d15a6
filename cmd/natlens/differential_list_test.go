//go:build linux

package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// needConntrack skips a test that has nothing to compare with.
func needConntrack(t *testing.T) {
	t.Helper()
	labtest.Need(t, "conntrack")
}

// answer is what one program makes of a command line.
type answer struct {
	stdout, stderr string // stderr: what stderr says, without the program's name
	code           int
}

// theirs runs conntrack(8) in the namespace.
func theirs(t *testing.T, ns *lab.Namespace, args ...string) answer {
	t.Helper()
	return theirsFed(t, ns, "", args...)
}

// theirsFed runs conntrack(8) with a text on its standard input.
func theirsFed(t *testing.T, ns *lab.Namespace, stdin string, args ...string) answer {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command("conntrack", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &stderr
	err := ns.Do(cmd.Run)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return answer{out.String(), conntrackName.ReplaceAllString(stderr.String(), ""), cmd.ProcessState.ExitCode()}
}

// conntrack(8)'s name in front of what it prints.
var conntrackName = regexp.MustCompile(`(?m)^conntrack v[^:]*: `)

// ours runs natlens with the same command line.
func ours(t *testing.T, ns *lab.Namespace, args ...string) answer {
	t.Helper()
	got := call(t.Context(), cli.Console{}, append(slices.Clone(args), "--netns", ns.Path())...)
	return answer{got.stdout.String(), strings.ReplaceAll(got.stderr.String(), "natlens: ", ""), got.code}
}

// What a program prints on stderr that scripts read.
var entriesLine = regexp.MustCompile(`^\d+ flow entries have been (shown|deleted|created|added|updated)\.\n$`)

// The command lines that read the table, all over the same flows.
var reading = []string{
	"-L", "--dump", "-L conntrack", "-L dying", "-L unconfirmed", "-L unc", "-C", "--count", "-S", "-S conntrack", "-S expect",
	"-L -o id", "-L -o timestamp", "-L -o ktimestamp", "-L -o extended", "-L -o labels", "-L -o xml", "-L -o xml,id,ktimestamp,extended,labels",
	"-L -o id,extended,ktimestamp,labels", "-o extended -L", "-L -o id -o extended", "-L -o save", "-L -o SAVE,userspace -p tcp",
	"-L dying -o save",
	"-L -p tcp", "-L -p udp", "-L -p icmp", "-L -p icmpv6", "-L -p sctp", "-L -p gre", "-L -p udplite", "-L -p 253", "-L -p dccp",
	"-L -f ipv4", "-L -f ipv6", "-L -f ipv6 -p tcp", "-L -f ipv4 -p tcp --dport 443",
	"-L -p tcp --dport 443", "-L -p tcp --orig-port-dst 80", "-L -p tcp --sport 4444", "-L -p tcp --reply-port-src 443",
	"-L -p tcp --reply-port-dst 4444", "-L -p udp --dport 53", "-L -p udplite --dport 53", "-L -p udp --dport 1",
	"-L -p tcp --state ESTABLISHED", "-L -p tcp --state TIME_WAIT", "-L -p tcp --state SYN_SENT", "-L -p sctp --state ESTABLISHED",
	"-L -p icmp --icmp-type 8", "-L -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77", "-L -p icmpv6 --icmpv6-type 128 --icmpv6-id 79",
	"-L -s 192.168.77.2", "-L -s 192.168.77.0/24", "-L -s 192.168.77.0 --mask-src 255.255.255.0", "-L -d 203.0.113.9", "-L -r 203.0.113.9",
	"-L -q 203.0.113.1", "-L -s 192.168.77.2 -d 203.0.113.9 -p tcp", "-L -s 2001:db8:77::2", "-L -s 2001:db8:77::/64", "-L -d 203.0.113.0/24 -p udp",
	"-L -n", "-L -g", "-L -j", "-L -n 203.0.113.1", "-L -g 192.168.77.2", "-L -g 192.168.77.2:80", "-L -j 203.0.113.1", "-L -n -g", "-L -n -p tcp",
	"-L -m 7", "-L -m 0", "-L -m 5/0x1", "-L -m 0x4/0xc", "-L -w 5", "-L -w 0", "-L --orig-zone 6", "-L --reply-zone 0", "-L -w 6",
	"-L -u ASSURED", "-L -u SEEN_REPLY", "-L -u UNREPLIED", "-L -u EXPECTED", "-L -u ASSURED -p tcp", "-L -u !ASSURED", "-L -m 7 -p udp",
	"-p tcp --dport 443 -L", "-ptcp -L --dport=443", "-L --proto=udp --dport=53", "-L --mask-src 255.255.255.0 -s192.168.77.0",
	"-L --output id,ext", "-L -oid -oext", "-L conn --protonum 17", "--stats",
	"-zL", "-L -o id", "-L --zero", "-L -o id", "-L -z", "-L -o id", // last: the counters are gone then
}

// TestListSameBytes runs conntrack(8) and natlens over the table of the lab's
// gateway, with flows of every kind in it.
func TestListSameBytes(t *testing.T) {
	needConntrack(t)
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true})
	addVariety(t, l)
	err := labtest.AddRule(l, nftables.TableFamilyIPv4, "filter", "raw_prerouting", labtest.Saddr(lab.Client2IP), lab.Proto(17), labtest.SetZone(6))
	if err != nil {
		t.Fatal(err)
	}
	everyTraffic(t, t.Context(), l)
	dccp := "-I -p dccp -s 192.0.2.1 -d 198.51.100.2 --sport 1 --dport 2 --state OPEN --role client -t 590"
	if got := ours(t, l.Gateway, strings.Fields(dccp)...); got.code != 0 {
		t.Fatalf("%s: %s", dccp, got.stderr)
	}
	for _, text := range reading {
		compareReading(t, l.Gateway, strings.Fields(text))
	}
}

// TestListHasNoCause: the netlink port in a dumped flow is that of who asked, which
// is no cause.
func TestListHasNoCause(t *testing.T) {
	ns := generatorNS(t)
	fill(t, ns)
	for format, cause := range map[string]string{"jsonl": `"portid"`, "pretty": `netlink port`} {
		got := ours(t, ns, "list", "-o", format)
		if got.code != 0 || strings.Count(got.stdout, "\n") < 21 || strings.Contains(got.stdout, cause) {
			t.Errorf("list -o %s: code %d, %s%s", format, got.code, got.stderr, got.stdout)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(ours(t, ns, "list", "-o", "csv").stdout)).ReadAll()
	if err != nil || len(rows) < 22 {
		t.Fatalf("csv: %d rows, %v", len(rows), err)
	}
	column := slices.Index(rows[0], "portid")
	for _, row := range rows[1:] {
		if row[column] != "" {
			t.Errorf("csv prints a cause: %s", row)
		}
	}
	if got := ours(t, ns, "list", "portid > 0"); got.stdout != "" {
		t.Errorf("the filter finds a cause: %s", got.stdout)
	}
}

// compareReading runs natlens between two runs of conntrack(8) that say the same:
// no second has passed, and no flow has changed.
func compareReading(t *testing.T, ns *lab.Namespace, args []string) {
	t.Helper()
	var before, us, after answer
	labtest.WaitFor(t, "a second in which nothing changes", func() bool {
		before, us, after = theirs(t, ns, args...), ours(t, ns, args...), theirs(t, ns, args...)
		return before == after
	})
	if !slices.Contains(args, "-p") && slices.ContainsFunc(args, func(a string) bool { return a == "-n" || a == "-g" || a == "-j" }) {
		before.withoutPings()
		us.withoutPings()
	}
	if us.stdout != before.stdout {
		t.Errorf("%q: %s", args, firstDifference(before.stdout, us.stdout))
	}
	if us.code != before.code {
		t.Errorf("%q: exit code %d, conntrack's is %d", args, us.code, before.code)
	}
	if entriesLine.MatchString(before.stderr) && us.stderr != before.stderr {
		t.Errorf("%q: on stderr %q, conntrack says %q", args, us.stderr, before.stderr)
	}
}

// withoutPings drops the flows that conntrack(8) takes for rewritten ones, and
// their number.
func (a *answer) withoutPings() {
	a.stdout = icmpLine.ReplaceAllString(a.stdout, "")
	a.stderr = ""
}
