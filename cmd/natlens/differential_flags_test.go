//go:build linux

package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

// everyFlag is each flag of conntrack(8)'s man page, by every name that it has,
// with a value that makes sense.
var everyFlag = []string{
	"-s 192.0.2.1", "--src 192.0.2.1", "--orig-src=192.0.2.1", "-d 192.0.2.1", "--dst 192.0.2.1", "--orig-dst 192.0.2.1", "-r 192.0.2.1",
	"--reply-src 192.0.2.1", "-q 192.0.2.1", "--reply-dst 192.0.2.1", "-p tcp", "--proto tcp", "--protonum 6", "-t 500", "--timeout 500",
	"-u ASSURED", "--status SEEN_REPLY", "-z", "--zero", "--tuple-src 192.0.2.1", "--tuple-dst 192.0.2.1",
	"-s 192.0.2.1 --mask-src 255.255.255.255", "-d 192.0.2.1 --mask-dst 255.255.255.255", "-a 192.0.2.1", "--nat-range=192.0.2.1", "-a192.0.2.1",
	"-m 1", "--mark 1", "-i 5", "-f ipv4", "--family ipv6", "-n", "-n 192.0.2.1", "--src-nat=192.0.2.1", "-g", "-g 192.0.2.1:80", "--dst-nat",
	"-j", "--any-nat=192.0.2.1", "-o id", "--output id", "--output=extended", "-o xml", "-o timestamp", "-o ktimestamp", "-o userspace", "-o save",
	"-c 5", "--secmark 5", "-b 8192", "--buffer-size 8192", "-w 1", "--zone 1", "--orig-zone 1", "--reply-zone 1", "-e NEW", "--event-mask NEW",
	"-p tcp --sport 1", "-p tcp --orig-port-src 1", "-p tcp --dport 1", "-p tcp --orig-port-dst 1", "-p tcp --reply-port-src 1",
	"-p tcp --reply-port-dst 1", "-p tcp --state ESTABLISHED", "-p tcp --mask-port-src 1", "-p tcp --mask-port-dst 1", "-p tcp --tuple-port-src 1",
	"-p tcp --tuple-port-dst 1", "-p udp --sport 1", "-p udp --reply-port-dst 1", "-p udplite --dport 1", "-p udplite --reply-port-src 1",
	"-p sctp --sport 1", "-p sctp --state ESTABLISHED", "-p sctp --orig-vtag 1", "-p sctp --reply-vtag 1", "-p dccp --sport 1",
	"-p dccp --state OPEN", "-p dccp --role client", "-p icmp --icmp-type 8", "-p icmp --icmp-code 0", "-p icmp --icmp-id 7",
	"-p icmpv6 --icmpv6-type 128", "-p icmpv6 --icmpv6-code 0", "-p icmpv6 --icmpv6-id 7", "-p gre --srckey 1", "-p gre --orig-key-src 1",
	"-p gre --dstkey 1", "-p gre --orig-key-dst 1", "-p gre --reply-key-src 1", "-p gre --reply-key-dst 1", "-p gre --tuple-key-src 1", "-p 253",
	"-R", "--load-file x", "--frobnicate",
}

// letters are conntrack(8)'s commands, with what they need to mean anything.
var letters = []struct{ command, needs string }{
	{"-L", ""}, {"-D", ""}, {"-U", ""}, {"-F", ""}, {"-C", ""}, {"-S", ""}, {"-E", ""},
	{"-G", "-p tcp --sport 1 --dport 2 -s 192.0.2.1 -d 192.0.2.2"},
	{"-I", "-p tcp --sport 1 --dport 2 -s 192.0.2.1 -d 192.0.2.2 -t 100 --state ESTABLISHED"},
	{"-A", "-p tcp --sport 1 --dport 2 -s 192.0.2.1 -d 192.0.2.2 -t 100 --state ESTABLISHED"},
	{"-I expect", "-p tcp --sport 1 --dport 2 -s 192.0.2.1 -d 192.0.2.2 -t 5 --tuple-src 192.0.2.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 " +
		"--tuple-port-src 0 --tuple-port-dst 5 --mask-port-src 0 --mask-port-dst 65535"},
	{"-L expect", ""}, {"-F expect", ""}, {"-C expect", ""}, {"-S expect", ""}, {"-E expect", ""}, {"-U expect", ""},
	{"-G expect", "-p tcp --sport 1 --dport 2 --reply-port-src 1 --reply-port-dst 1 -s 192.0.2.1 -d 192.0.2.2"},
	{"-D expect", "-p tcp --sport 1 --dport 2 --reply-port-src 1 --reply-port-dst 1 -s 192.0.2.1 -d 192.0.2.2"},
}

// everyEnv asks for all of TestEveryFlagOfEveryCommand's command lines, which are
// about two thousand, and of TestMisusesOfEveryFlag's; "make differential" sets it.
const everyEnv = "NATLENS_EVERY_FLAG"

// TestEveryFlagOfEveryCommand has both programs read every flag with every
// command, over an empty table: those that conntrack(8) takes end alike and print the same. Every tenth line is tried, or all of
// them; each flag and each command is among the tenth.
func TestEveryFlagOfEveryCommand(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	s, err := kernel.OpenService(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, l := range letters {
		for j, flag := range everyFlag {
			args := commandLine(l.command, l.needs, flag)
			if args == nil || (i+j)%10 != 0 && os.Getenv(everyEnv) == "" {
				continue
			}
			them, us := bothFresh(t, ns, s, args)
			if them.code != 2 && (us.code != them.code || us.stdout != them.stdout) {
				line := strings.Join(args, " ")
				if why, ok := otherwise(line); !ok {
					t.Errorf("%s: exit codes %d (%q) and %d (%q), %s", line, them.code, them.stderr, us.code, us.stderr, firstDifference(them.stdout, us.stdout))
				} else if us.code == 0 && strings.Contains(why, "refuses") {
					t.Errorf("%s: exit code 0, %s", line, us.stderr)
				}
			}
		}
	}
}

// commandLine adds a flag to a command, in the place of the same flag among what
// the command needs; nil if the flag belongs to another protocol.
func commandLine(command, needs, flag string) []string {
	extra := strings.Fields(flag)
	need := strings.Fields(needs)
	for i := 0; i+1 < len(need); i += 2 {
		same := slices.ContainsFunc(extra, func(w string) bool { return sameFlag(need[i], w) })
		switch {
		case same && need[i] == "-p" && !slices.Contains(extra, need[i+1]) && !slices.Contains(extra, "6"):
			return nil
		case same && need[i] == "-p": // it goes first: conntrack(8) knows a protocol's flags from there on
			need[0] = extra[slices.IndexFunc(extra, func(w string) bool { return sameFlag("-p", w) })]
			extra = slices.DeleteFunc(extra, func(w string) bool { return sameFlag("-p", w) || w == "tcp" })
			if need[0] == "--protonum" {
				need[1], extra = "6", slices.DeleteFunc(extra, func(w string) bool { return w == "6" })
			}
		case same:
			need = slices.Delete(need, i, i+2)
			i -= 2
		}
	}
	return slices.Concat(strings.Fields(command), need, extra)
}

// flagNamesOf are the names of the flags that commands need.
var flagNamesOf = map[string][]string{
	"-p": {"--proto", "--protonum"}, "-s": {"--src", "--orig-src"}, "-d": {"--dst", "--orig-dst"}, "-t": {"--timeout"},
	"--sport": {"--orig-port-src"}, "--dport": {"--orig-port-dst"},
}

func sameFlag(flag, word string) bool {
	name, _, _ := strings.Cut(word, "=")
	return name == flag || slices.Contains(flagNamesOf[flag], name)
}

// bothFresh runs both programs, each over an empty table. natlens -E ends at once;
// conntrack -E, which would not, is not asked.
func bothFresh(t *testing.T, ns *lab.Namespace, s *kernel.Service, args []string) (them, us answer) {
	t.Helper()
	ctx := t.Context()
	if args[0] == "-E" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	}
	got := call(ctx, cli.Console{LabelFile: "testdata/none.conf"}, append(slices.Clone(args), "--netns", ns.Path())...)
	us = answer{got.stdout.String(), strings.ReplaceAll(got.stderr.String(), "natlens: ", ""), got.code}
	if args[0] == "-E" && us.code != cli.ExitUsage {
		return us, us
	}
	flush := func() {
		if args[0] != "-I" && args[0] != "-A" {
			return
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	them = theirs(t, ns, args...)
	flush()
	return them, us
}

// differently are command lines, by their beginnings and ends, that natlens takes
// another way on purpose, and why.
var differently = []struct{ begin, end, why string }{
	{"-I", "-n", "refuses what says nothing: a rewrite to no address"}, {"-A", "-n", "refuses"},
	{"-I", "-g", "refuses"}, {"-A", "-g", "refuses"}, {"-I", "--dst-nat", "refuses"}, {"-A", "--dst-nat", "refuses"},
	{"-I", "-r 192.0.2.1", "takes a part of the reply direction, which conntrack(8) fails on"}, {"-A", "-r 192.0.2.1", ""},
	{"-I", "--reply-src 192.0.2.1", ""}, {"-A", "--reply-src 192.0.2.1", ""}, {"-I", "-q 192.0.2.1", ""}, {"-A", "-q 192.0.2.1", ""},
	{"-I", "--reply-dst 192.0.2.1", ""}, {"-A", "--reply-dst 192.0.2.1", ""},
}

func otherwise(line string) (why string, ok bool) {
	for _, d := range differently {
		if strings.HasPrefix(line, d.begin+" ") && !strings.Contains(line, " expect") && strings.HasSuffix(line, " "+d.end) {
			return d.why, true
		}
	}
	return "", false
}
