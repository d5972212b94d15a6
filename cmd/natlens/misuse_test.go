//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/findings"
)

// misuses are command lines that make no sense, or that the world does not allow,
// and the one line on standard error that each ends with.
var misuses = []struct {
	args string // words between blanks
	code int
	want string
}{
	{"wathc", 2, `unknown command "wathc": did you mean watch?`},
	{"frobnicate", 2, `unknown command "frobnicate": natlens --help lists them`},
	{"help frobnicate", 2, `unknown command "frobnicate": natlens --help lists them`},
	{"version now", 2, `natlens version takes no arguments, got "now"`},
	{"--frob", 2, "unknown flag --frob; see natlens --help"},

	{"watch --ouput x", 2, "unknown flag --ouput: did you mean --output?"},
	{"watch --frobnicate", 2, "unknown flag --frobnicate; see natlens watch --help"},
	{"watch -Q", 2, "unknown flag -Q; see natlens watch --help"},
	{"watch -o", 2, "-o needs a value: format"},
	{"flush --family= --yes", 2, "--family needs a value: ipv4|ipv6"},
	{"watch --orig-src", 2, "--orig-src needs a value: ADDR[/BITS]"},
	{"watch --force=perhaps", 2, "--force perhaps: must be true or false; see natlens watch --help"},

	{"watch dprot 443", 2, "filter: column 1: dprot: unknown word; did you mean dport?"},
	{"watch tcp and dprot 443", 2, "filter: column 9: dprot: unknown word; did you mean dport?"},
	{"watch dport 70000", 2, "filter: column 7: 70000: dport goes from 0 to 65535"},
	{"watch tcp dport", 2, `filter: column 10: a port should follow "dport"`},
	{"watch src 10.0.0.256", 2, "filter: column 5: 10.0.0.256: not an address or network"},
	{"watch label web", 2, "filter: column 7: web: not a label: labels have no names here (open testdata/none.conf: no such file or directory), and numbers from 0 to 127"},
	{"watch label 128", 2, "filter: column 7: 128: label goes from 0 to 127"},
	{"watch --labelmap DIR/none.conf udp", 2, "--labelmap: open DIR/none.conf: no such file or directory"},
	{"-L -M DIR/there -p udp", 2, "--labelmap: DIR/there names no label"},
	{"watch -M", 2, "-M needs a value: file"},
	{"watch --labelmap DIR/there udp", 2, "--labelmap: DIR/there names no label"},
	{"explain dport 70000", 2, "filter: column 7: 70000: dport goes from 0 to 65535"},
	{"lab --watch dport 70000", 2, "filter: column 7: 70000: dport goes from 0 to 65535"},

	{"watch -p tcpp", 2, "--proto tcpp: not a protocol; did you mean tcp?"},
	{"watch -p udp --state ESTABLISHED", 2, "--state: protocol udp does not have this attribute"},
	{"watch -p tcp --state ESTABLISHD", 2, "--state ESTABLISHD: not a state; did you mean established?"},
	{"watch -p tcp --dport 70000", 2, "--dport 70000: dport goes from 0 to 65535"},
	{"watch -s 192.0.2.1 -s 192.0.2.2", 2, "--orig-src: given twice"},
	{"watch -n -j", 2, "--any-nat: not together with --src-nat or --dst-nat"},
	{"watch -l web", 2, "--label web: not a label: labels have no names here (open testdata/none.conf: no such file or directory), and numbers from 0 to 127"},
	{"watch -e newest", 2, "--event-mask newest: not a kind of event: all, new, update, destroy"},

	{"history exprot", 2, `unknown command "exprot": did you mean export?`},
	{"nosuch -o jsonl", 2, `unknown command "nosuch": natlens --help lists them`},
	{"expect nosuch --family ipv4", 2, `unknown command "nosuch": natlens expect --help lists them`},
	{"help history nosuch", 2, `unknown command "nosuch": natlens history --help lists them`},
	{"help list nosuch", 2, `natlens list has no commands, such as "nosuch"`},
	{"conntrack nosuch", 2, `natlens conntrack is a help topic and takes no arguments, got "nosuch"`},
	{"filters tcp -o jsonl", 2, `natlens filters is a help topic and takes no arguments, got "tcp"`},
	{"man history nosuch", 2, `unknown command "nosuch": natlens history --help lists them`},
	{"conntrack -L -p tcp", 2, "use conntrack(8)'s letters without the word conntrack: natlens -L -p tcp"},
	{"history export", 2, "history export needs the name of one file, or - for standard output"},
	{"history export --history DIR -o xml x", 2, "-o xml: must be csv or jsonl"},
	{"history export --history DIR/none x", 1, "no history in DIR/none; natlens record --history makes one"},

	{"watch --threshold syn-unanswered=5", 2, "--threshold needs --findings"},
	{"watch --findings --resync off", 2, "--findings needs every event of a flow: not together with --resync off or -e; use event in the filter instead"},
	{"watch --findings -e new,destroy", 2, "--findings needs every event of a flow: not together with --resync off or -e; use event in the filter instead"},
	{"watch --findings --threshold syn-unanswerd=5", 2, noThreshold("syn-unanswerd")},
	{"doctor --threshold syn-age=3", 2, `--threshold syn-age=3: syn-age: "3" is not a value above 0 such as 3s; see natlens doctor --help`},
	{"doctor --threshold 3", 2, "--threshold 3: a threshold is NAME=VALUE, such as syn-unanswered=20; see natlens doctor --help"},

	{"", 2, "standard output is not a terminal: natlens watch writes lines, natlens --help lists the commands"},
	{"--netns nosuch", 2, "standard output is not a terminal: natlens watch writes lines, natlens --help lists the commands"},
	{"watch --netns all -o pcapng", 2, "-o pcapng cannot contain network namespaces: not together with --netns all"},
	{"watch --netns all -o conntrack,save", 2, "-o conntrack,save cannot contain network namespaces: not together with --netns all"},
	{"-E --netns all -o save", 2, "-o conntrack,save cannot contain network namespaces: not together with --netns all"},
	{"list --netns all -o conntrack,save", 2, "-o conntrack,save cannot contain network namespaces: not together with --netns all"},
	{"-E --frobnicate", 2, "unknown flag --frobnicate; see natlens watch --help"},
	{"-L -D", 2, "unknown flag -D; see natlens list --help"},
	{"-E frob", 2, "filter: column 1: frob: unknown word"},
	{"-D dying", 2, "-D dying: natlens delete has the table conntrack only"},
	{"-E -o frob", 2, `unknown output modifier "frob": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`},
	{"-L -o save,id", 2, "output modifier save: not together with others, because command lines cannot contain what they add"},
	{"-E -s", 2, "-s needs a value: ADDR[/BITS]"},
	{"-G", 2, "get needs --proto"},
	{"-F -p tcp", 2, "unknown flag -p; see natlens flush --help"},
	{"-S -o xml", 2, "-o conntrack,xml: must be pretty, json or jsonl"},
	{"-R file", 2, "-R: natlens does not read files of commands; use conntrack -R FILE, or xargs -L1 natlens < FILE"},
	{"record x.pcapng --netns all", 2, "--netns all: a pcapng file contains one network namespace; for all name the file FILE.jsonl"},
	{"update --yes --state FOO", 2, "--state FOO: not a state"},
	{"update --yes --state ESTABLISHD udp", 2, "--state ESTABLISHD: not a state; did you mean established?"},
	{"update --yes --state FOO -p udp", 2, "--state: protocol udp has no states"},
	{"delete --dry-run --netns all tcp", 2, "--netns all: this command reads one network namespace"},
	{"stats --for -1s", 2, "--for -1s: must not be negative"},
	{"-S --for 1s", 2, "--for: -o conntrack cannot contain events"},
	{"stats --capture ring", 2, "--capture goes with --for: only then events are captured"},
	{"-S --netns all", 2, "-o conntrack covers one network namespace; natlens stats --netns all shows all"},

	{"watch -o jsn", 2, `unknown output format "jsn": it is one of pretty, jsonl, conntrack, csv, pcapng`},
	{"watch -o yaml", 2, `unknown output format "yaml": it is one of pretty, jsonl, conntrack, csv, pcapng`},
	{"watch -o id", 2, `unknown output format "id": did you mean conntrack,id?`},
	{"watch -o jsonl,id", 2, "output format jsonl takes no modifiers; conntrack does"},
	{"watch -o conntrack,idd", 2, `unknown output modifier "idd": did you mean id?`},

	{"who", 2, "who needs an address: ADDR[:PORT], or --inside ADDR[:PORT]"},
	{"who 203.0.113.7 203.0.113.8", 2, "who takes one ADDR[:PORT], not 203.0.113.8 as well"},
	{"who 203.0.113", 2, "203.0.113: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443"},
	{"who 203.0.113.7:99999", 2, "203.0.113.7:99999: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443"},
	{"who [203.0.113.7", 2, "[203.0.113.7: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443"},
	{"who --inside host", 2, "--inside host: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443"},
	{"who 203.0.113.7 -p tpc", 2, "--proto tpc: not a protocol; did you mean tcp?"},
	{"who 203.0.113.7 -p 256", 2, "--proto 256: not a protocol: icmp, tcp, udp, dccp, gre, icmpv6, sctp, udplite, or a number from 1 to 255"},
	{"who 203.0.113.7 --at 14:32 --since 12:00", 2, "--at is one time: not together with --since or --until"},
	{"who 203.0.113.7 --live --at 14:32", 2, "--live searches the table as it is now: --at, --since and --until need a history or a recording"},
	{"who 203.0.113.7 --live --history DIR", 2, "use only one of --history, --from and --live"},
	{"who 203.0.113.7 --limit -1", 2, "--limit -1: must not be negative"},
	{"who 203.0.113.7 --history DIR", 1, "no history in DIR; natlens record --history makes one"},
	{"who 203.0.113.7 --from DIR/none", 1, "recording: open DIR/none: no such file or directory"},
	{"who 203.0.113.7 --from DIR/there", 1, "recording there: neither JSON lines of natlens nor a netlink capture (pcapng, pcap)"},
	{"who 203.0.113.7 --from - --at 14:32", 2, "--at, --since and --until need a file: standard input is read once"},
	{"who 203.0.113.7 --live -o csv", 2, "-o csv: must be pretty, json or jsonl"},
	{"watch --history DIR -e new", 2, "--history needs events of every kind: not together with --event-mask"},
	{"watch --history DIR --resync off", 2, "--history needs the table: not together with --resync off"},
	{"watch --history DIR --keep 9", 2, "--keep 9: not a time such as 90d"},
	{"watch --history DIR --keep 9s", 2, "--keep 9s: not a time of a minute or more, such as 90d or 36h, nor a number of files"},
	{"watch --keep 9d", 2, "--keep 9d: a time needs --history"},
	{"watch --max-size 9GB", 2, "--max-size needs --history"},
	{"watch --history DIR --max-size big", 2, "--max-size big: not a size between 1 and 1.0 PiB, such as 212992, 64kB or 16MiB"},
	{"record --history DIR --rotate 1h", 2, "--rotate and --force need a recording: record FILE"},
	{"record DIR/x --history DIR --keep 24 --keep 90d", 2, "--keep 24: a number of files needs --rotate"},
	{"-E --history DIR", 2, "--history does not work with -E: use natlens watch"},

	{"watch --metrics 9742", 2, "--metrics 9742: not an address with a port, such as 127.0.0.1:9742 or [::1]:9742"},
	{"record DIR/x.pcapng --metrics localhost", 2, "--metrics localhost: not an address with a port, such as 127.0.0.1:9742 or [::1]:9742"},
	{"watch --metrics 192.0.2.77:9742", 1, "--metrics 192.0.2.77:9742: no such address on this host: cannot assign requested address"},
	{"watch --from x.jsonl --metrics 127.0.0.1:9742", 2, "--metrics is for the kernel: not together with --from"},

	{"watch --capture rnig", 2, "--capture rnig: must be auto, ring or socket"},
	{"watch --ring 3M", 2, "--ring 3M: must be a power of two of at least 4096, such as 32MiB"},
	{"watch --ring 12x", 2, "--ring 12x: not a size between 1 and 1.0 GiB, such as 212992, 64kB or 16MiB"},
	{"watch --buffer-size 0", 2, "--buffer-size 0: not a size between 1 and 1.0 GiB, such as 212992, 64kB or 16MiB"},
	{"watch -b 5GiB", 2, "--buffer-size 5GiB: not a size between 1 and 1.0 GiB, such as 212992, 64kB or 16MiB"},
	{"watch --for 10", 2, "--for 10: not a time such as 10s or 5m; see natlens watch --help"},
	{"watch --for -1s", 2, "--for -1s: must not be negative"},
	{"watch --limit -1", 2, "--limit -1: must be a whole number, 0 or more; see natlens watch --help"},
	{"watch --resync maybe", 2, "--resync maybe: must be on or off"},
	{"watch --netns nowhere", 1, "--netns nowhere: there is no /run/netns/nowhere; ip netns list shows the names"},
	{"watch --netns 2147483647", 1, "--netns 2147483647: there is no process with this id"},
	{"watch --netns /nowhere", 1, "--netns /nowhere: there is no such file"},
	{"flush --netns=", 2, "--netns needs a value: namespace"},
	{"expect get -p tcp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -r 192.0.2.3", 2, "--reply-src is not for natlens expect get"},
	{"watch --netns /dev/null", 1, "--netns /dev/null: /dev/null is not a network namespace"},
	{"explain --netns nowhere", 1, "--netns nowhere: there is no /run/netns/nowhere; ip netns list shows the names"},
	{"explain --limit -1", 2, "--limit -1: must not be negative"},

	{"watch --output DIR", 1, "output file DIR is a directory"},
	{"watch --output DIR --force", 1, "output file DIR is a directory"},
	{"watch --output DIR/none/x", 1, "output file DIR/none/x: there is no directory DIR/none"},
	{"watch --output DIR/there", 1, "output file DIR/there exists already; --force overwrites it"},

	{"lab", 2, "standard output is not a terminal: natlens lab --watch streams the events as lines"},
	{"lab --limit 3", 2, "--limit works only with --watch; for the terminal UI give the filter as words"},
	{"lab --watch --theme dark", 2, "--theme is for the terminal UI: not together with --watch"},
	{"lab --watch --netns x", 2, "lab does not accept --netns: it makes its own namespaces"},
}

// TestMisuse runs the misuses, and expects of each its one line, its exit code
// and nothing else.
func TestMisuse(t *testing.T) {
	for _, c := range misuses {
		t.Run(c.args, func(t *testing.T) {
			dir := t.TempDir()
			there := filepath.Join(dir, "there")
			if err := os.WriteFile(there, []byte("precious\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			args := strings.Fields(strings.ReplaceAll(c.args, "DIR", dir))
			got := call(t.Context(), cli.Console{LabelFile: "testdata/none.conf"}, args...)
			if want := "natlens: " + strings.ReplaceAll(c.want, "DIR", dir) + "\n"; got.stderr.String() != want || got.code != c.code {
				t.Errorf("code %d, standard error\n%swant %d and\n%s", got.code, got.stderr.String(), c.code, want)
			}
			if got.stdout.String() != "" {
				t.Errorf("standard output %q", got.stdout.String())
			}
			if text, err := os.ReadFile(there); string(text) != "precious\n" {
				t.Errorf("the file that was there is %q now, %v", text, err)
			}
			if left, err := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("files left: %v, %v", left, err)
			}
		})
	}
}

// TestNoPrivilege expects the capability, the command line that has it and the
// lab, from every command that asks the kernel, by every way of capture.
func TestNoPrivilege(t *testing.T) {
	const hint = ": try sudo natlens ARGS, or natlens lab --watch, which needs no privilege\n"
	const socket = "natlens: join conntrack event group 1: CAP_NET_ADMIN is missing (netlink join-group: setsockopt: operation not permitted)" + hint
	for _, c := range []struct {
		args []string
		line string // as the hint has it
		want string
	}{
		{[]string{"watch"}, "watch", socket},
		{[]string{"watch", "--capture", "socket", "tcp", "dport", "443"}, "watch --capture socket tcp dport 443", socket},
		{[]string{"watch", "--capture", "ring"}, "watch --capture ring", "natlens: capture by ring: bpf(2) is not permitted: needs CAP_BPF in the initial user namespace" + hint},
		{[]string{"watch", "-o", "csv", "not tcp"}, "watch -o csv 'not tcp'", socket},
		{[]string{"-E", "-p", "tcp"}, "-E -p tcp", socket},
		{[]string{"list", "--netns", "1"}, "list --netns 1", "natlens: --netns 1: open /proc/1/ns/net: permission denied: try sudo natlens ARGS\n"},
		{[]string{"explain", "snat"}, "explain snat", "natlens: dump: CAP_NET_ADMIN is missing (operation not permitted)" + hint},
		{[]string{"why", "203.0.113.1:80"}, "why 203.0.113.1:80", "natlens: follow traces: CAP_NET_ADMIN is missing " +
			"(netlink join-group: setsockopt: operation not permitted): try sudo natlens ARGS, or natlens why --send, which needs no privilege\n"},
	} {
		cmd := natlens(c.args...)
		var stdout, stderr safeBuffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := onThread(func() error {
			if err := childrenArePlain(); err != nil {
				return err
			}
			return cmd.Start()
		})
		if err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		want := strings.ReplaceAll(c.want, "ARGS", c.line)
		if code := cmd.ProcessState.ExitCode(); code != 1 || stderr.String() != want || stdout.String() != "" {
			t.Errorf("%q: code %d, output %q, standard error\n%swant 1 and\n%s", c.args, code, stdout.String(), stderr.String(), want)
		}
	}
}

// noThreshold is the error for a threshold that does not exist.
func noThreshold(name string) string {
	var names []string
	for _, t := range findings.AllThresholds() {
		names = append(names, t.Name)
	}
	return fmt.Sprintf("--threshold %s=5: there is no threshold %q; accepted are %s; see natlens watch --help", name, name, strings.Join(names, ", "))
}

// TestDoctorDenied checks the message for a user without the privilege.
func TestDoctorDenied(t *testing.T) {
	var p *process
	if err := onThread(func() error {
		if err := childrenArePlain(); err != nil {
			return err
		}
		p = start(t, nil, "doctor")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	text := p.rest(t)
	if code := p.wait(t); code != cli.ExitFailure || !strings.HasPrefix(text, "✗ privilege           flows, rules and events can't be read: ") ||
		!strings.Contains(text, "CAP_NET_ADMIN is missing") || !strings.Contains(text, "\n- others              not checked: a privilege is missing (hook, ring, queue, ") || strings.Count(text, "CAP_NET_ADMIN") != 1 {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}
