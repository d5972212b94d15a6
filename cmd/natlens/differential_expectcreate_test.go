//go:build linux

package main

import (
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

// expectedLines make an expectation, or fail to. Each goes behind -I expect, over
// the masters of tftpMasters.
var expectedLines = []string{
	master4 + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 " + anyPort,
	master4 + "--tuple-src 198.51.100.0/24 --tuple-dst 192.0.2.1 --mask-dst 255.255.255.255 " + anyPort,
	master4 + "--tuple-src 198.51.100.2/32 --tuple-dst 192.0.2.1/32 " + anyPort, // which imply no masks
	master4 + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.0.0 --mask-dst 255.255.255.255 " + anyPort,
	master4 + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 --tuple-port-src 7 --tuple-port-dst 9 --mask-port-src 65535 --mask-port-dst 65535",
	master4 + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 -r 198.51.100.2 -q 192.0.2.1 -u SEEN_REPLY " + anyPort,
	master6 + "--tuple-src 2001:db8::2 --tuple-dst 2001:db8::1 --mask-src ffff:: --mask-dst ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff " + anyPort,
	master6 + "--tuple-src 2001:db8::/64 --tuple-dst 2001:db8::1 --mask-dst ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff " + anyPort,
	strings.ReplaceAll(master4, "4000", "4001") + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 " + anyPort, // no such master
	strings.ReplaceAll(master4, "4000", "4002") + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 " + anyPort, // it has no helper
	master4 + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255",
	master4 + "--tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 " + anyPort,
	master4 + "--tuple-src 198.51.100.2/32 " + anyPort,
	"-p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4000 --dport 69 --tuple-src 198.51.100.2 --tuple-dst 192.0.2.1 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 " + anyPort, // no timeout
	master4 + "--tuple-src 2001:db8::2/128 --tuple-dst 2001:db8::1/128 " + anyPort,
	master4 + "--tuple-src host --tuple-dst 192.0.2.1/32 " + anyPort,
	master4 + "--tuple-src 198.51.100.2/33 --tuple-dst 192.0.2.1/32 " + anyPort,
}

const (
	master4 = "-p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4000 --dport 69 -t 50 "
	master6 = "-p udp -s 2001:db8::1 -d 2001:db8::2 --sport 4000 --dport 69 -t 50 "
	anyPort = "--tuple-port-src 0 --tuple-port-dst 3000 --mask-port-src 0 --mask-port-dst 65535"
)

// tftpMasters fills the table with flows that have a helper, and one that has none.
func tftpMasters(t *testing.T, ns *lab.Namespace) {
	t.Helper()
	s := emptied(t, ns)
	defer s.Close()
	timeout := uint32(5000)
	for _, m := range []struct {
		flow   monitor.Flow
		helper string
	}{
		{plainFlow(monitor.UDP, "192.0.2.1", "198.51.100.2", 4000, 69), "tftp"},
		{plainFlow(monitor.UDP, "192.0.2.1", "198.51.100.2", 4002, 69), ""},
		{plainFlow(monitor.UDP, "2001:db8::1", "2001:db8::2", 4000, 69), "tftp"},
	} {
		if err := s.Create(t.Context(), &m.flow, &kernel.Change{Timeout: &timeout, Helper: m.helper}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExpectCreateSame has both programs make expectations, and compares what there
// is then.
func TestExpectCreateSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	for _, line := range expectedLines {
		args := append([]string{"-I", "expect"}, strings.Fields(line)...)
		list := func() string {
			return theirs(t, ns, "-L", "expect", "-f", "ipv4").stdout + theirs(t, ns, "-L", "expect", "-f", "ipv6").stdout
		}
		tftpMasters(t, ns)
		them, made := theirs(t, ns, args...), list()
		tftpMasters(t, ns)
		us, madeByUs := ours(t, ns, args...), list()
		if them.code == 2 { // it is no command line of conntrack(8)
			continue
		}
		if us.code != them.code || us.stdout != them.stdout || us.stderr == "" {
			t.Errorf("%s: exit codes %d (%q) and %d (%q)", line, them.code, them.stderr, us.code, us.stderr)
		}
		if a, b := expectSeconds(made), expectSeconds(madeByUs); a != b || (them.code == 0) != (a != "") {
			t.Errorf("%s: %s", line, firstDifference(a, b))
		}
	}
}

// expectSeconds leaves out of a list how long each expectation stays.
func expectSeconds(list string) string {
	_, rest, _ := strings.Cut(list, " ")
	return rest
}

// TestExpectCreate makes what conntrack(8) 1.4.7 can't: an expectation of TCP; with
// natlens's defaults.
func TestExpectCreate(t *testing.T) {
	ns := generatorNS(t)
	expectations(t, ns)
	ours(t, ns, "-F", "expect")
	const line = "expect create -p tcp -s 192.0.2.1 -d 198.51.100.2 --orig-port-src 4000 --orig-port-dst 21 -t 60 --tuple-src 198.51.100.2 --tuple-dst 192.0.2.1"
	for _, c := range []struct{ more, stderr, made string }{
		{"--tuple-port-dst 30000", "1 expectation created.\n", "proto=6 src=198.51.100.2 dst=192.0.2.1 sport=0 dport=30000 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 " +
			"master-src=192.0.2.1 master-dst=198.51.100.2 sport=4000 dport=21 class=0 helper=ftp\n"},
		{"--tuple-port-dst 30000", "create expectation: the expectation exists already\n", ""},
	} {
		before := ours(t, ns, "-L", "expect").stdout
		got := ours(t, ns, strings.Fields(line+" "+c.more)...)
		after := ours(t, ns, "-L", "expect").stdout
		made := after
		if strings.Count(before, "\n") == strings.Count(after, "\n") {
			made = ""
		}
		if got.stderr != c.stderr || expectSeconds(made) != c.made {
			t.Errorf("%s: code %d, %q, made %q", c.more, got.code, got.stderr, made)
		}
	}
}
