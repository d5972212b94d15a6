//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"

	"natlens/monitor/lab"
)

// whole is what makes one flow of each protocol, as conntrack(8) wants it.
var whole = []string{
	"-s 192.0.2.1 -d 192.0.2.2 -t 590 -p tcp --sport 1 --dport 2 --state ESTABLISHED",
	"-s 192.0.2.1 -d 192.0.2.2 -t 590 -p sctp --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 5 --reply-vtag 6",
	"-s 192.0.2.1 -d 192.0.2.2 -t 590 -p dccp --sport 1 --dport 2 --state OPEN --role client",
	"-s 2001:db8::1 -d 2001:db8::2 -t 590 -p udp --sport 1 --dport 2 -w 4 -m 3",
	"-r 2001:db8::1 -q 2001:db8::2 -t 590 -p udp --reply-port-src 1 --reply-port-dst 2",
	"-s 192.0.2.1 -d 192.0.2.2 -t 590 -p udplite --sport 1 --dport 2 -u ASSURED",
	"-s 192.0.2.1 -d 192.0.2.2 -t 590 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 5",
	"-s 2001:db8::1 -d 2001:db8::2 -t 590 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5",
	"-s 192.0.2.1 -d 192.0.2.2 -t 590 -p gre --srckey 1 --dstkey 2",
	"-s 192.0.2.1 -d 192.0.2.2 -t 590 -p 253",
}

// withParts are what makes a flow with a part of one direction too much.
var withParts = []string{
	"-s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.2 -q 192.0.2.1 -p tcp --sport 1 --dport 2",
	"-s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.2 -q 192.0.2.1 -p tcp --sport 1 --dport 2 --reply-port-src 2",
	"-s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.2 -q 192.0.2.1 -p udp --sport 1 --dport 2 --reply-port-dst 1",
	"-s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.2 -q 192.0.2.1 -p gre --srckey 1 --dstkey 2 --reply-key-src 2",
	"-s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.99 -q 192.0.2.1 -p udp --sport 1 --dport 2",
	"-s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.2 -q 192.0.2.1 -p udp --sport 1 --dport 2 --reply-port-dst 99",
}

// TestLeftOutSame has both programs make, and look up, flows of each protocol with
// every flag in turn left out: what one needs the other needs, and what both make
// is the same.
func TestLeftOutSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	nothing := func(t *testing.T, ns *lab.Namespace) { emptied(t, ns).Close() }
	for _, command := range []string{"-I", "-A", "-G"} {
		for _, line := range whole {
			words := strings.Fields(line)
			for i := 0; i <= len(words); i += 2 {
				args := []string{command}
				for j := 0; j < len(words); j += 2 {
					if j != i && (command != "-G" || !slices.Contains([]string{"-t", "-u", "-w", "-m", "--role"}, words[j])) {
						args = append(args, words[j], words[j+1])
					}
				}
				compareChange(t, ns, nothing, args, func(text string) string { return text })
			}
		}
	}
}

// TestGetByPartsSame has both programs look up flows that are named by one
// direction and a part of the other, which need not be whole.
func TestGetByPartsSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	one := func(t *testing.T, ns *lab.Namespace) {
		emptied(t, ns).Close()
		for _, line := range whole {
			if !strings.Contains(line, "2001:") {
				if made := theirs(t, ns, append([]string{"-I"}, strings.Fields(line)...)...); made.code != 0 {
					t.Fatal(made.stderr)
				}
			}
		}
		made := theirs(t, ns, strings.Fields("-I -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 590")...)
		if made.code != 0 {
			t.Fatal(made.stderr)
		}
	}
	for _, line := range withParts {
		compareChange(t, ns, one, append([]string{"-G"}, strings.Fields(line)...), func(text string) string { return text })
	}
}
