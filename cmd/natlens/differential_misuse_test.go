//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// misuse is a way to use a flag wrongly: a word for it, and the flag.
type misuse struct{ kind, flag string }

// misusesOf are the ways to use a flag of [everyFlag], the right one first, which is
// a misuse with some commands: a value that is missing, that is malformed, that is
// given twice, and a protocol that the flag is not of.
func misusesOf(flag string) (all []misuse) {
	words := strings.Fields(flag)
	name, value, attached := strings.Cut(words[len(words)-1], "=")
	before := words[:len(words)-1]
	if !attached && len(words) > 1 && strings.HasPrefix(words[len(words)-2], "-") {
		name, value, before = words[len(words)-2], words[len(words)-1], words[:len(words)-2]
	}
	add := func(kind string, words ...string) { all = append(all, misuse{kind, strings.Join(words, " ")}) }
	add("plain", flag)
	before = slices.Clip(before)
	if value != "" {
		add("missing", append(before, name)...)
		add("twice", append(before, name, value, name, value)...)
	}
	for _, wrong := range []string{"foo", "-5", "1/2/3", "99999999999", "192.0.2.1:x"} {
		add("malformed", append(before, name, wrong)...)
	}
	if strings.HasPrefix(name, "--") {
		add("malformed", append(before, name+"=")...)
	}
	if len(before) == 2 && before[0] == "-p" {
		for _, proto := range []string{"tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "gre", "253"} {
			add("protocol", slices.Concat([]string{"-p", proto}, words[2:])...)
		}
		add("protocol", words[2:]...)
	}
	return all
}

// conflicts are flags and commands that do not go together, and some that do.
var conflicts = []string{
	"-L -D", "-L -E", "-G -D", "-I -A", "-I -U", "-F -L", "-C -L", "-S -E", "-L --dump", "-L -V", "-L -h",
	"-L -n -j", "-L -g -j", "-L -n -g", "-E -n 192.0.2.1 -j 192.0.2.1",
	"-L -f ipv4 -f ipv6", "-L -f ipv6 -s 192.0.2.1", "-L -f ipv4 -d 2001:db8::1", "-L -s 192.0.2.1 -d 2001:db8::1", "-L -s 192.0.2.1 -r 2001:db8::1",
	"-L -s 192.0.2.0/24 --mask-src 255.255.255.0", "-L --mask-src 255.0.0.0", "-L --mask-dst 255.0.0.0", "-L -s 192.0.2.1 --mask-src ffff::",
	"-L -s 192.0.2.1/33", "-L -s 2001:db8::/129", "-L -s 192.0.2.0/24/24", "-L -r 192.0.2.0/24",
	"-L -w 1 --orig-zone 1", "-L -w 1 --reply-zone 1", "-L --orig-zone 1 --reply-zone 1", "-E -w 1 --orig-zone 1",
	"-L -z -s 192.0.2.1", "-L -z -p tcp", "-L -z -f ipv4", "-L -z -o xml",
	"-U --label-add 1 --label-del 1", "-L -o save,id", "-L -o save,xml", "-L -o save -o id", "-L -o xml -o id", "-E -e NEW,foo", "-E -o id,foo",
	"-L -u ASSURED,foo", "-L -u !foo", "-L -p tcp --state FOO", "-L -p sctp --state SYN_SENT", "-L -p dccp --role foo",
	"-I -p tcp", "-I -s 192.0.2.1 -d 192.0.2.2", "-I -p udp -s 192.0.2.1 -d 192.0.2.2 -t 5", "-I -p tcp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 5",
	"-I -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2", "-I -p icmp -s 192.0.2.1 -d 192.0.2.2 -t 5",
	"-G", "-G -p tcp", "-G -s 192.0.2.1 -d 192.0.2.2", "-G -p udp -s 192.0.2.1 -d 192.0.2.2", "-G -p udp -s 192.0.2.1 --sport 1 --dport 2",
	"-G -p icmp -s 192.0.2.1 -d 192.0.2.2", "-G expect", "-D expect -p tcp", "-I expect -p tcp",
	"-L foo", "-L connt", "-L dying", "-L unconfirmed", "-L expect expect", "-E expect -p tcp", "-F -p tcp", "-F expect -f ipv4", "-C -f ipv4", "-S -p tcp",
	"-Lp tcp", "-Lx", "-Q", "--frobnicate", "--dump --frobnicate", "-L -p tcp --sport 1 --frobnicate",
}

// numeric are flags whose values conntrack(8) reads with strtoul(3) or atoi(3).
const numeric = `(-m|--mark|-w|--(orig-|reply-)?zone|-t|--timeout|-i|--id|-b|--buffer-size|--[sd]port|--(orig|reply|tuple|mask)-(port|key)-(src|dst)|` +
	`--(src|dst)key|--icmp(v6)?-(type|code|id)|--(orig|reply)-vtag)`

// onPurpose are the misuses, by their kind, command and flag, that one of the two
// refuses alone, and why natlens does what it does.
var onPurpose = []struct {
	line    string // a regular expression
	refuses bool   // natlens does
	why     string
}{
	{`^twice `, true, "conntrack(8) forgets the first value without a word"},
	{`^malformed .* ` + numeric + `[ =]\S*$`, true, "conntrack(8) takes what is no number for 0, and cuts off what is too big"},
	{`^(malformed|protocol|conflict) .*-p (sctp|dccp) --state\b`, true, "conntrack(8) takes any word for a state of SCTP and DCCP, and compares nothing"},
	{`^malformed .* --(nat-range|secmark|(src|dst|any)-nat)=$`, true, "an empty value is a variable that was not set in a script"},
	{`^malformed .* -a192.0.2.1 `, true, "conntrack(8) ignores words that it has no use for; here they are a filter"},
	{`^malformed -L (-z|--zero) `, true, "the same"},
	{`^conflict -L expect expect$`, true, "the same"},
	{`^\S+ -[IA] .* (-n|-g|--src-nat=?|--dst-nat=?)$`, true, "a rewrite to no address says nothing; conntrack(8) makes a flow without NAT"},
	{`^conflict -L -s 192.0.2.0/24 --mask-src `, true, "of two masks conntrack(8) takes the last"},
	{`^conflict -L -z -f ipv4$`, true, "conntrack(8) sets the counters of the other family's flows to 0 as well"},
	{`^conflict -Lx$`, true, "conntrack(8) reads nothing behind a command's letter"},
	{`^conflict -L -h$`, false, "help is what was asked for"},
	{` -r 192.0.2.0/24$`, false, "networks for -r are of use, and say the same as for -s"},
}

// TestMisusesOfEveryFlag has both programs read every flag in every wrong way, with
// every command: what conntrack(8) refuses for its command line natlens refuses,
// with exit code 2, and the other way round, but for what is otherwise on purpose.
// Both have neither privilege nor time to do anything. Of the ten thousand lines
// with a flag every thirtieth is tried, or all of them.
func TestMisusesOfEveryFlag(t *testing.T) {
	needConntrack(t)
	netns := generatorNS(t).Path()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	every := 30
	if os.Getenv(everyEnv) != "" {
		every = 1
	}
	ask := conntrackRefuses(t)
	used := make(map[string]bool)
	try := func(kind string, args []string) {
		answer := ask(args)
		us := call(ctx, console{LabelFile: "testdata/none.conf"}, append(slices.Clone(args), "--netns", netns)...)
		refused, line := us.code == exitUsage, strings.Join(args, " ")
		if them := <-answer; refused == them {
			return
		}
		for _, p := range onPurpose {
			if p.refuses == refused && regexp.MustCompile(p.line).MatchString(kind+" "+line) {
				used[p.line] = true
				return
			}
		}
		t.Errorf("%s: %s: natlens refuses it: %v, and conntrack(8) not so; %s", kind, line, refused, us.stderr.String())
	}
	for _, line := range conflicts {
		try("conflict", strings.Fields(line))
	}
	for i, l := range letters {
		for j, flag := range everyFlag {
			for k, m := range misusesOf(flag) {
				args := commandLine(l.command, l.needs, m.flag)
				if args != nil && (i+j+k)%every == 0 {
					try(m.kind, args)
				}
			}
		}
	}
	for _, p := range onPurpose {
		if !used[p.line] && os.Getenv(everyEnv) != "" {
			t.Errorf("no line is %s: %s", p.line, p.why)
		}
	}
}

// conntrackRefuses starts conntrack(8) with command lines, one after another, and without
// any privilege: exit code 2 says that it refused the line.
func conntrackRefuses(t *testing.T) (ask func(args []string) <-chan bool) {
	asked := make(chan []string)
	answers := make(chan bool)
	t.Cleanup(func() { close(asked) })
	go func() {
		runtime.LockOSThread() // never unlocked
		if err := childrenArePlain(); err != nil {
			t.Error(err)
		}
		for args := range asked {
			cmd := exec.Command("conntrack", args...)
			cmd.Run()
			answers <- cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitUsage
		}
	}()
	return func(args []string) <-chan bool { asked <- args; return answers }
}
