//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/monitor"
)

func TestClassic(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-L", "list --classic"},
		{"-L conntrack -p tcp", "list --classic conntrack -p tcp"},
		{"--dump -o id", "list --classic -o id"},
		{"-p tcp -L", "list --classic -p tcp"},
		{"-Lz", "list --classic -z"},
		{"-L -n 192.0.2.1", "list --classic --src-nat=192.0.2.1"},
		{"-L expect -o xml", "expect list --classic -o xml"},
		{"-E exp", "expect watch --classic"},
		{"-S expect", "stats --classic expect"},
		{"-I expect", "expect create --classic"},
		{"-U expect", "update --classic expect"},
		{"-A -p udp", "create --classic --if-missing -p udp"},
		{"-U --label-del foo", "update --classic --label-del=foo"},
		{"-U --label-del -p tcp", "update --classic --label-del -p tcp"},
		{"--count", "count --classic"},
		{"--counter", "count --classic"},
		{"watch --count 5 -E", "watch --classic --count 5"},
		{"list --count 5", "list --count 5"},
		{"delete -S", "delete -S"},
		{"--dum --fam ipv6", "list --classic --family ipv6"},
		{"--del --orig-s 192.0.2.1 --mar=5", "delete --classic --orig-src 192.0.2.1 --mark=5"},
		{"-L --any", "list --classic --any-nat"},
		{"-L --src-n 192.0.2.1", "list --classic --src-nat=192.0.2.1"},
		{"-L --prot tcp --sta CLOSE", "list --classic --protonum tcp --sta CLOSE"}, // or stats, or status
		{"-L -p tcp --state CLOSE --sp 5 --reply-port-d=6", "list --classic -p tcp --state CLOSE --sport 5 --reply-port-dst=6"},
		{"-L --sp 5 -p tcp", "list --classic --sp 5 -p tcp"},
		{"-L -picmp --icmp-t 8", "list --classic -picmp --icmp-type 8"},
		{"-L --proto=gre --srck 8", "list --classic --proto=gre --srckey 8"},
		{"-L --proto udp --vtag 8", "list --classic --proto udp --vtag 8"},
		{"-L --src 192.0.2.1 --count 5", "list --classic --src 192.0.2.1 --count 5"},
		{"-L --outp id -- --fam", "list --classic --output id -- --fam"},
		{"list --fam ipv6", "list --fam ipv6"},
		{"-zL", "list --classic -z"},
		{"-zLp", "-zLp"},
		{"list -- -L", "list -- -L"},
	} {
		if got := strings.Join(classic(strings.Fields(c.args)), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.args, got, c.want)
		}
	}
}

// TestClassicOptions: what conntrack(8) ignores is taken out and named, and its
// --output is -o; natlens's own command lines stay as they are.
func TestClassicOptions(t *testing.T) {
	for _, c := range []struct{ args, want, ignored string }{
		{"-L --output id -a 192.0.2.1 -p tcp", "list --classic --output-format id -p tcp", "--nat-range"},
		{"-E -c5 --output=xml --secmark=5", "watch --classic --output-format=xml", "--secmark --secmark"},
		{"-D -c 5", "delete --classic -c 5", ""},
		{"-L expect -a192.0.2.1", "expect list --classic", "--nat-range"},
		{"list --output id -a 5", "list --output id -a 5", ""},
		{"-L -- -a 5", "list --classic -- -a 5", ""},
	} {
		got, ignored := classicOptions(classic(strings.Fields(c.args)))
		if line := strings.Join(got, " "); line != c.want || strings.Join(ignored, " ") != c.ignored {
			t.Errorf("%s: got %s, ignored %s, want %s, %s", c.args, line, ignored, c.want, c.ignored)
		}
	}
}

// refusals are command lines that conntrack(8) 1.4.7 refuses, and natlens's one
// line about each.
var refusals = []struct{ args, want string }{
	{"-L -t 5", "illegal flag --timeout with -L, as in conntrack(8); natlens list without -L takes it"},
	{"-L -i 5", "illegal flag --id with -L, as in conntrack(8); natlens list without -L takes it"},
	{"-L -e NEW", "illegal flag --event-mask with -L, as in conntrack(8)"},
	{"-L --tuple-src 192.0.2.1", "illegal flag --tuple-src with -L, as in conntrack(8)"},
	{"-L -D", "-D is a second command, beside that of natlens list: one at a time"},
	{"-E --delete -p tcp", "--delete is a second command, beside that of natlens watch: one at a time"},
	{"-L -b 5", "illegal flag --buffer-size with -L, as in conntrack(8)"},
	{"-L foo", "filter: column 1: foo: unknown word"},
	{"-L -f ipv5", "--family ipv5: not ipv4 or ipv6; did you mean ipv4?"},
	{"-L -p 300", "--proto 300: proto goes from 0 to 255"},
	{"-L -p tcp --state FOO", "--state FOO: not a state of tcp: NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2"},
	{"-L -o nosuch", `unknown output modifier "nosuch": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`},
	{"-L -z -p tcp", "--zero sets the counters of every flow: not together with a filter or --count"},
	{"-L -o id,", `unknown output modifier "": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`},
	{"-L -L --dump --get=5", "--get takes nothing behind =: --get 5"},
	{"-L --output=", "--output needs a value"},
	{"-L -a", "-a needs a value"},
	{"-L -p tcp --secmark", "--secmark needs a value"},
	{"-L -n -j", "--any-nat: not together with --src-nat or --dst-nat"},
	{"-C expect -f ipv4", "illegal flag --family with -C expect, as in conntrack(8); natlens expect count without -C may take it"},
	{"-G expect -p tcp -w 5", "illegal flag --zone with -G expect, as in conntrack(8); natlens expect get without -G may take it"},
	{"-F expect -o xml", "illegal flag --output with -F expect, as in conntrack(8)"},
	{"-D -c 5", "illegal flag --secmark with -D, as in conntrack(8)"},
	{"-A -w 5 -f ipv4", "illegal flag --family with -A, as in conntrack(8); natlens create without -A takes it"},
	{"-C -p tcp", "illegal flag --proto with -C, as in conntrack(8)"},
	{"-S -o xml", "illegal flag --output-format with -S, as in conntrack(8); natlens stats without -S takes it"},
	{"-S dying", "--table dying: must be conntrack or expect"},
	{"-F -p tcp", "illegal flag --proto with -F, as in conntrack(8)"},
	{"-D -z", "illegal flag --zero with -D, as in conntrack(8)"},
	{"-A -z", "illegal flag --zero with -A, as in conntrack(8)"},
	{"-E expect --protonum tcp", "illegal flag --proto with -E expect, as in conntrack(8)"},
	{"-E -Q", "unknown flag -Q; see natlens watch --help"},
	{"-L --sta CLOSE", "--sta is short for more than one flag: --stats, --status"},
	{"-L --sp 5 -p tcp", "unknown flag --sp; see natlens list --help"},
	{"-D dying", "table dying: natlens delete knows the table conntrack alone"},
	{"-D -j", "illegal flag --any-nat with -D, as in conntrack(8); natlens delete without -D takes it"},
	{"-D -s", "-s needs a value: ADDR[/BITS]"},
	{"-G", "get needs --proto"},
	{"-G -p tcp -s 192.0.2.1", "get needs --orig-src and --orig-dst, or --reply-src and --reply-dst"},
	{"-G -p tcp -s 192.0.2.1 -d 192.0.2.2", "get needs --orig-port-src and --orig-port-dst for protocol tcp"},
	{"-G -p icmp -s 192.0.2.1 -d 192.0.2.2", "get needs --icmp-type and --icmp-code for protocol icmp"},
	{"-G -p tcp -w 5", "illegal flag --zone with -G, as in conntrack(8); natlens get without -G takes it"},
	{"-G -p tcp -f ipv4", "illegal flag --family with -G, as in conntrack(8); natlens get without -G takes it"},
	{"-I expect", "-I expect needs --orig-src, as in conntrack(8); natlens expect create has defaults for masks and ports"},
	{"-I expect -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 5 --tuple-src 192.0.2.0/24 --tuple-dst 192.0.2.0/24 --tuple-port-src 1",
		"-I expect needs --tuple-port-dst, as in conntrack(8); natlens expect create has defaults for masks and ports"},
	{"-I expect -p udp -m 5", "illegal flag --mark with -I expect, as in conntrack(8); natlens expect create without -I may take it"},
	{"-I -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2", "create needs --timeout"},
	{"-I -p udp -s 192.0.2.1 -d 192.0.2.2 -t 5", "create needs --orig-port-src and --orig-port-dst for protocol udp"},
	{"-I -p tcp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 5", "create needs --state for protocol tcp"},
	{"-I -p udp -s 192.0.2.1/24 -d 192.0.2.2 --sport 1 --dport 2 -t 5", "create is about one flow: src 192.0.2.0/24 names more than one"},
	{"-I -p udp -s 192.0.2.1 -d 2001:db8::2 --sport 1 --dport 2 -t 5", "--orig-dst 2001:db8::2: an ipv6 address beside ipv4"},
	{"-I -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 5 -u NOSUCH",
		"--status NOSUCH: bits can be set, of these: ASSURED, SEEN_REPLY, FIXED_TIMEOUT, EXPECTED, OFFLOAD, HW_OFFLOAD, UNSET"},
	{"-A -m 5", "create needs --proto"},
	{"-U expect -m 1", "table expect: natlens update knows the table conntrack alone"},
	{"-U -w 5 -m 1", "illegal flag --zone with -U, as in conntrack(8); natlens update without -U takes it"},
	{"-U --label-add x --label-del y", "cannot use --label-add and --label-del at the same time"},
	{"-D expect -p tcp -s 192.0.2.1", "expect delete needs --orig-src and --orig-dst"},
}

// TestClassicRefuses expects natlens to refuse what conntrack(8) refuses, with its
// exit code.
func TestClassicRefuses(t *testing.T) {
	ns := generatorNS(t)
	for _, c := range refusals {
		args := strings.Fields(c.args)
		us := call(t.Context(), console{LabelFile: "testdata/none.conf"}, append([]string{"--netns", ns.Path()}, args...)...)
		if got := us.stderr.String(); got != "natlens: "+c.want+"\n" || us.code != 2 || us.stdout.String() != "" {
			t.Errorf("%s: code %d, %q, want\n%q", c.args, us.code, got, c.want)
		}
	}
	needConntrack(t)
	for _, c := range refusals {
		if them := theirs(t, ns, strings.Fields(c.args)...); them.code != 2 {
			t.Errorf("conntrack %s: code %d, %s", c.args, them.code, them.told)
		}
	}
}

// TestNotOffered: what conntrack(8) has and natlens has not ends in one line that
// says so.
func TestNotOffered(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-R file", "-R: natlens runs no list of commands; conntrack -R FILE does, or xargs -L1 natlens < FILE"},
		{"-Rfile", "-R: natlens runs no list of commands; conntrack -R FILE does, or xargs -L1 natlens < FILE"},
		{"-L -R file", "-R: natlens runs no list of commands; conntrack -R FILE does, or xargs -L1 natlens < FILE"},
		{"--load-file=file", "--load-file: natlens runs no list of commands; conntrack --load-file FILE does, or xargs -L1 natlens < FILE"},
		{"--load file", "--load-file: natlens runs no list of commands; conntrack --load-file FILE does, or xargs -L1 natlens < FILE"},
		{"--load-file -", "--load-file: natlens runs no list of commands; conntrack --load-file FILE does, or xargs -L1 natlens < FILE"},
	} {
		us := call(t.Context(), console{}, strings.Fields(c.args)...)
		if got := us.stderr.String(); got != "natlens: "+c.want+"\n" || us.code != 2 {
			t.Errorf("%s: code %d, %q", c.args, us.code, got)
		}
	}
}

// TestClassicAbbreviationsLeaveFlags: no flag of natlens's own is the beginning of
// one of conntrack(8)'s, which it would be taken for.
func TestClassicAbbreviationsLeaveFlags(t *testing.T) {
	protos := []monitor.Proto{0, monitor.TCP, monitor.SCTP, monitor.DCCP, monitor.ICMP, monitor.ICMPv6, monitor.GRE}
	eachCommand(newRoot(console{}), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			for _, p := range protos {
				if names := meant(f.Name, p); len(names) == 1 && names[0] != f.Name {
					t.Errorf("%s --%s is taken for --%s", cmd.CommandPath(), f.Name, names[0])
				}
			}
		})
	})
}
