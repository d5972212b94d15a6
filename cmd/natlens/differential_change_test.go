//go:build linux

package main

import (
	"context"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// The command lines that change the table, each over the same entries.
var changing = []string{
	"-D", "-D conntrack", "-D -p tcp", "-D -p udp", "-D -p icmp", "-D -p icmpv6", "-D -p sctp", "-D -p gre", "-D -p udplite", "-D -p 253",
	"-D -f ipv6", "-D -f ipv4 -p tcp", "-D -s 192.0.2.1", "-D -s 192.0.2.0/24", "-D -d 198.51.100.2", "-D -r 198.51.100.2", "-D -q 192.0.2.1",
	"-D -s 2001:db8::/32", "-D -p tcp --dport 443", "-D -p tcp --sport 4", "-D -p tcp --state ESTABLISHED", "-D -m 7", "-D -m 4/0x4",
	"-D -w 5", "-D --orig-zone 6", "-D --reply-zone 7", "-D -n", "-D -g", "-D -n 203.0.113.1", "-D -g 203.0.113.80:8080", "-D -t 1000 -p udp",
	"-D -p udp -o extended", "-D -p udp -o timestamp -o extended", "-D -o save", "-D -p tcp --dport 1", "-D -d 192.0.2.99", "-D -u ASSURED",

	"-G -p tcp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443", "-G -p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 -o extended",
	"-G -p tcp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 --state ESTABLISHED",
	"-G -p tcp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 --state CLOSE", "-G -p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 5",
	"-G -p icmp -s 192.0.2.1 -d 198.51.100.2 --icmp-type 8 --icmp-code 0 --icmp-id 4", "-G -p 253 -s 192.0.2.1 -d 198.51.100.2",
	"-G -p gre -s 192.0.2.1 -d 198.51.100.2 --srckey 4 --dstkey 443", "-G -p sctp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443",
	"-G -p udplite -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443", "-G -p tcp -s 2001:db8::1 -d 2001:db8::2 --sport 4 --dport 443",
	"-G -p tcp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 -o save", "-G -p icmpv6 -s 2001:db8::1 -d 2001:db8::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 4",

	"-F", "-F conntrack", "--flush",

	"-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590", "-I -p udplite -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -m 3",
	"-I -p tcp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --state SYN_SENT",
	"-I -p tcp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --state TIME_WAIT -u ASSURED,SEEN_REPLY",
	"-I -p tcp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --state LISTEN",
	"-I -p tcp -s 2001:db8::9 -d 2001:db8::2 --sport 1 --dport 2 -t 590 --state ESTABLISHED -u FIXED_TIMEOUT",
	"-I -p sctp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --state ESTABLISHED --orig-vtag 5 --reply-vtag 6",
	"-I -p icmp -s 192.0.2.9 -d 198.51.100.2 --icmp-type 8 --icmp-code 0 --icmp-id 5 -t 590", "-I -p 253 -s 192.0.2.9 -d 198.51.100.2 -t 590",
	"-I -p icmpv6 -s 2001:db8::9 -d 2001:db8::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5 -t 590",
	"-I -p gre -s 192.0.2.9 -d 198.51.100.2 --srckey 1 --dstkey 2 -t 590", "-I -p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 -t 590",
	"-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -n 203.0.113.1", "-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -g 203.0.113.1:99",
	"-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -w 9", "-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 --orig-zone 9",
	"-I -p udp -s 192.0.2.9 -d 198.51.100.2 -r 198.51.100.2 -q 192.0.2.77 --sport 1 --dport 2 --reply-port-src 2 --reply-port-dst 77 -t 590",
	"-I -p udp -r 192.0.2.9 -q 198.51.100.2 --reply-port-src 1 --reply-port-dst 2 -t 590", "-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -u UNSET",
	"-A -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590", "-A -p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 -t 590",

	"-U -f ipv4 -p udp -s 192.0.2.1 --dport 443 -m 9", "-U -f ipv4 -p udp -s 192.0.2.1 -d 198.51.100.2 --sport 4 -t 77",
	"-U -f ipv4 -p udp --sport 4 --dport 443 -m 7/0xff", "-U -f ipv4 -p icmp -u SEEN_REPLY", "-U -f ipv6 -p udp -m 1", "-U -p udp --dport 1 -m 9",
	"-U -f ipv4 -p tcp --sport 4 --dport 443 --state CLOSE", "-U -f ipv4 -p udp -s 192.0.2.1 --dport 443 -m 9 -o save",

	"-pudp -s192.0.2.1 -D", "--delete conn --orig-zone 6", "-D --family ipv6 --proto=udp",
}

// TestChangesSame lets conntrack(8) and natlens change the same entries, and
// compares what they print, how they end and what they leave.
func TestChangesSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	for _, text := range changing {
		compareChange(t, ns, fill, strings.Fields(text), func(text string) string { return text })
	}
}

func generatorNS(t *testing.T) *lab.Namespace {
	t.Helper()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g.Namespace()
}

// Seconds pass between the two programs.
var seconds = regexp.MustCompile(`(?m)^((?:ipv[46] +\d+ )?\S+ +\d+ )(\d+) `)

var age = regexp.MustCompile(`(?m)^-[AD] -t \d+|delta-time=\d+|<deltatime>\d+</deltatime>|<timeout>\d+</timeout>`)

func steady(lines string) string {
	lines = age.ReplaceAllString(lines, "age")
	return seconds.ReplaceAllStringFunc(lines, func(head string) string {
		m := seconds.FindStringSubmatch(head)
		return m[1] + m[2][:1] + "… "
	})
}

// compareChange has both programs do the same to a table that fill made, and
// compares what they print and say, how they end and what they leave, each table
// of lines brought into an order.
func compareChange(t *testing.T, ns *lab.Namespace, fill func(*testing.T, *lab.Namespace), args []string, order func(string) string) (them, us answer) {
	t.Helper()
	fill(t, ns)
	if them = theirs(t, ns, args...); them.code == 2 { // it is no command line of conntrack(8)
		return them, them
	}
	left := theirs(t, ns, "-L", "-o", "extended")
	fill(t, ns)
	us = ours(t, ns, args...)
	leftByUs := theirs(t, ns, "-L", "-o", "extended")
	if a, b := order(steady(them.stdout)), order(steady(us.stdout)); a != b {
		t.Errorf("%q: %s", args, firstDifference(a, b))
	}
	if us.code != them.code {
		t.Errorf("%q: exit code %d, conntrack's is %d (%s)", args, us.code, them.code, them.stderr)
	}
	if entriesLine.MatchString(them.stderr) && us.stderr != them.stderr {
		t.Errorf("%q: on stderr %q, conntrack says %q", args, us.stderr, them.stderr)
	}
	if a, b := order(steady(left.stdout)), order(steady(leftByUs.stdout)); a != b {
		t.Errorf("%q leaves: %s", args, firstDifference(a, b))
	}
	return them, us
}

// emptied empties the namespace's table and expectations, and returns what makes
// new ones, which the caller closes.
func emptied(t *testing.T, ns *lab.Namespace) *kernel.Service {
	t.Helper()
	s, err := kernel.OpenService(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	for _, flush := range []func(context.Context) error{s.FlushExpects, s.Flush} {
		if err := flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// fill rebuilds the table: flows of each protocol, without NAT and with, with
// marks and zones.
func fill(t *testing.T, ns *lab.Namespace) {
	t.Helper()
	s := emptied(t, ns)
	defer s.Close()
	make := func(f monitor.Flow, c kernel.Change) {
		t.Helper()
		timeout := uint32(1990)
		c.Timeout = &timeout
		switch f.Orig.Proto {
		case monitor.TCP:
			c.Proto = &kernel.ProtoInfo{Proto: monitor.TCP, State: monitor.TCPEstablished}
		case monitor.SCTP:
			c.Proto = &kernel.ProtoInfo{Proto: monitor.SCTP, State: 4, VTags: [2]uint32{1, 2}}
		}
		if err := s.Create(t.Context(), &f, &c); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
	}
	for _, p := range []monitor.Proto{monitor.TCP, monitor.UDP, monitor.ICMP, monitor.ICMPv6, monitor.SCTP, monitor.GRE, monitor.UDPLite, 253} {
		if p != monitor.ICMPv6 {
			make(plainFlow(p, "192.0.2.1", "198.51.100.2", 4, 443), kernel.Change{})
		}
		if p != monitor.ICMP {
			make(plainFlow(p, "2001:db8::1", "2001:db8::2", 4, 443), kernel.Change{})
		}
	}
	mark, status := uint32(7), monitor.Assured|monitor.SeenReply
	make(plainFlow(monitor.UDP, "192.0.2.1", "198.51.100.3", 5, 53), kernel.Change{Mark: &mark, Status: &status})
	make(plainFlow(monitor.UDP, "192.0.2.1", "198.51.100.3", 6, 53), kernel.Change{SrcNAT: natTo("203.0.113.1", 0)})
	make(plainFlow(monitor.TCP, "192.0.2.1", "198.51.100.3", 7, 80), kernel.Change{DstNAT: natTo("203.0.113.80", 8080)})
	make(plainFlow(monitor.TCP, "192.0.2.1", "198.51.100.3", 8, 80), kernel.Change{SrcNAT: natTo("203.0.113.1", 0), DstNAT: natTo("203.0.113.80", 8080)})
	for _, zones := range [][2]uint16{{5, 5}, {6, 0}, {0, 7}} {
		f := plainFlow(monitor.UDP, "192.0.2.1", "198.51.100.3", 9+zones[1], 53)
		f.Orig.Zone, f.Reply.Zone = zones[0], zones[1]
		make(f, kernel.Change{})
	}
}

func natTo(addr string, port uint16) kernel.NATRange {
	return kernel.NATRange{Addr: monitor.AddrFrom(netip.MustParseAddr(addr)), Port: port}
}

// plainFlow is a flow without NAT.
func plainFlow(p monitor.Proto, from, to string, sport, dport uint16) monitor.Flow {
	a, b := netip.MustParseAddr(from), netip.MustParseAddr(to)
	family := monitor.IPv6
	if a.Is4() {
		family = monitor.IPv4
	}
	f := monitor.Flow{
		Orig:  monitor.Tuple{Src: monitor.AddrFrom(a), Dst: monitor.AddrFrom(b), SrcPort: sport, DstPort: dport, Proto: p, Family: family},
		Reply: monitor.Tuple{Src: monitor.AddrFrom(b), Dst: monitor.AddrFrom(a), SrcPort: dport, DstPort: sport, Proto: p, Family: family},
	}
	switch {
	case p == monitor.ICMP:
		f.Orig.SetICMP(sport, 8, 0)
		f.Reply.SetICMP(sport, 0, 0)
	case p == monitor.ICMPv6:
		f.Orig.SetICMP(sport, 128, 0)
		f.Reply.SetICMP(sport, 129, 0)
	}
	return f
}

// corrected are command lines with which conntrack(8) 1.4.7 goes wrong, why, and
// what natlens makes of them: how it ends, what it prints, and how many of the 21
// entries are left.
var corrected = []struct {
	args, why, stderr string
	code, left        int
}{
	{"-F -f ipv6", "the kernel takes a flush of one family for one of all", "7 flows deleted.\n", 0, 14},
	{"-U -p udp -s 192.0.2.1 -m 9", "without -f it updates nothing: Operation not supported",
		"6 flow entries have been updated.\n", 0, 21},
	{"-U -f ipv4 -d 198.51.100.3 -t 3", "it does not find entries in zones", "7 flow entries have been updated.\n", 0, 21},
	{"-G -p udp -r 198.51.100.3 -q 203.0.113.1 --reply-port-src 53 --reply-port-dst 6", "it looks up by the original tuple alone",
		"1 flow entries have been shown.\n", 0, 21},
	{"-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -m 3 -u SEEN_REPLY", "the status overwrites the mark",
		"1 flow entries have been created.\n", 0, 22},
	{"-I -p udp -s 192.0.2.9 -d 198.51.100.2 --sport 1 --dport 2 -t 590 -r 192.0.2.77 --reply-port-dst 3", "a part of the reply direction is invalid, or ignored",
		"1 flow entries have been created.\n", 0, 22},
	{"-I -p udp -s 192.0.2.9 -d 198.51.100.2 -r 198.51.100.2 -q 192.0.2.77 --sport 1 --dport 2 -t 590", "without its ports the reply direction is invalid",
		"1 flow entries have been created.\n", 0, 22},
	{"-I -p udp -s 192.0.2.9 -d 198.51.100.2 -r 198.51.100.2 -q 192.0.2.77 --sport 1 --reply-port-src 2 --reply-port-dst 1 -t 590", "a port that is left out is 0",
		"1 flow entries have been created.\n", 0, 22},
	{"-I -p gre -s 192.0.2.9 -d 198.51.100.2 --dstkey 1 -t 590 --reply-key-src 1 --reply-key-dst 2", "a key that is left out is 0",
		"create needs --orig-key-src and --orig-key-dst for protocol gre\n", 2, 21},
	{"-D -m 7 -u SEEN_REPLY", "the status overwrites the mark", "1 flow entries have been deleted.\n", 0, 20},
	{"-D -f ipv4 -p 253 -o xml", "its XML has no document around the elements", "1 flow entries have been deleted.\n", 0, 20},
	{"-L -m x", "it reads a 0", "--mark x: not a mark: MARK[/MASK], each up to 0xffffffff\n", 2, 21},
	{"-D -p gre --srckey 99", "keys are not compared", "0 flow entries have been deleted.\n", 1, 21},
	{"-G -p sctp -s 192.0.2.1 -d 198.51.100.2 --sport 4 --dport 443 --orig-vtag 99 --reply-vtag 99", "tags are not compared", "0 flow entries have been shown.\n", 1, 21},
	{"-D -u UNREPLIED", "bits that are not to be set are not compared: it deletes all", "20 flow entries have been deleted.\n", 0, 1},
	{"-D -u !ASSURED -p udp", "likewise", "6 flow entries have been deleted.\n", 0, 15},
	{"-D -t 17", "timeouts are not compared", "0 flow entries have been deleted.\n", 1, 21},
	{"-D -n203.0.113.99", "an address without a blank before it is not read", "0 flow entries have been deleted.\n", 1, 21},
	{"-D --dst-nat=203.0.113.99", "likewise", "0 flow entries have been deleted.\n", 1, 21},
	{"-Dn", "nothing is read behind a command's letter: it deletes all", "2 flow entries have been deleted.\n", 0, 19},
	{"-Lp tcp", "likewise", "4 flow entries have been shown.\n", 0, 21},
	{"--flush=expect", "nothing is read behind =: it empties the other table", "unknown flag --flush; see natlens --help\n", 2, 21},
	{"-L -u SEEN_REPLY -u ASSURED", "of several it asks for what none has", "1 flow entries have been shown.\n", 0, 21},
	{"-L -u UNSET", "it fails with exit code 1", "--status UNSET: UNSET matches no bit: it is for new entries\n", 2, 21},
	{"-L -u CONFIRMED", "it knows no such bit", "21 flow entries have been shown.\n", 0, 21},
	{"-L -f ipv6 -z", "it sets the counters of all flows", "--zero sets the counters of every flow: not together with a filter, --limit or --sort rate\n", 2, 21},
	{"-L -p sctp --state established", "it crashes", "2 flow entries have been shown.\n", 0, 21},
	{"-L -p udp --sport 0x4", "it reads a 0", "2 flow entries have been shown.\n", 0, 21},
	{"-L --dport 443 -p udp", "it knows a protocol's flags behind -p only", "2 flow entries have been shown.\n", 0, 21},
	{"-L -s=192.0.2.1 -p=udp", "it takes the = for a part of the value", "6 flow entries have been shown.\n", 0, 21},
	{"-U -f ipv4 -p sctp --state SHUTDOWN_SENT", "without the tags it fails", "1 flow entries have been updated.\n", 0, 21},
	{"-U -f ipv4 -g 203.0.113.80:8080 -m 5", "an address to select by is for it one to write", "2 flow entries have been updated.\n", 0, 21},
}

func TestCorrected(t *testing.T) {
	ns := generatorNS(t)
	for _, c := range corrected {
		fill(t, ns)
		us := ours(t, ns, strings.Fields(c.args)...)
		left := ours(t, ns, "-C")
		if strings.Contains(c.args, "xml") && !strings.HasSuffix(us.stdout, "</conntrack>\n") {
			t.Errorf("%q prints no whole document: %s", c.args, us.stdout)
		}
		if us.stderr != c.stderr || us.code != c.code || strings.TrimSpace(left.stdout) != human.Count(uint64(c.left)) {
			t.Errorf("%q: code %d, %q, %s entries left; want %d, %q, %d", c.args, us.code, us.stderr, strings.TrimSpace(left.stdout), c.code, c.stderr, c.left)
		}
	}
}
