//go:build linux

package main

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

// The kinds of NAT of the matrix, and where each leads in IPv4 and in IPv6. A
// redirect is a DNAT to this host, a clash a SNAT that moved the port as well.
var matrixNAT = []struct {
	name     string
	src, dst [2]string
	dstPort  uint16
	clash    bool
}{
	{name: "none"},
	{name: "snat", src: [2]string{"203.0.113.1", "2001:db8:1::1"}},
	{name: "dnat", dst: [2]string{"203.0.113.80", "2001:db8:1::80"}, dstPort: 8080},
	{name: "both", src: [2]string{"203.0.113.1", "2001:db8:1::1"}, dst: [2]string{"203.0.113.80", "2001:db8:1::80"}},
	{name: "redirect", dst: [2]string{"127.0.0.1", "::1"}, dstPort: 9091},
	{name: "clash", src: [2]string{"203.0.113.1", "2001:db8:1::1"}, clash: true},
}

// matrixZones are the zones of both directions.
var matrixZones = [][2]uint16{{0, 0}, {5, 5}, {6, 0}, {0, 7}}

// matrixFlows is how many flows the matrix has.
var matrixFlows = 14 * len(matrixNAT) * len(matrixZones)

// matrix fills the table with each protocol, in both families, with each kind of
// NAT, in each zone; marks, labels and status bits go round. made, if any, is called
// after each with the number of flows.
func matrix(t *testing.T, ns *lab.Namespace, made ...func(n int)) (flows []monitor.Flow) {
	t.Helper()
	s := emptied(t, ns)
	defer s.Close()
	for _, p := range []monitor.Proto{monitor.TCP, monitor.UDP, monitor.ICMP, monitor.ICMPv6, monitor.SCTP, monitor.GRE, monitor.UDPLite, 253} {
		for family, ends := range [][2]string{{"192.0.2.1", "198.51.100.2"}, {"2001:db8::1", "2001:db8::2"}} {
			if p == monitor.ICMP && family == 1 || p == monitor.ICMPv6 && family == 0 {
				continue
			}
			for _, nat := range matrixNAT {
				for _, zone := range matrixZones {
					n := len(flows)
					from, as, port := ends[0], nat.src[family], uint16(1000+n)
					if p == 253 { // has no ports that distinguish flows
						from, as, port = nthAddr(from, n), nthAddr(as, n), 0
					}
					f := plainFlow(p, from, ends[1], port, 443)
					f.Orig.Zone, f.Reply.Zone = zone[0], zone[1]
					c := matrixChange(p, n)
					if as != "" {
						c.SrcNAT = natTo(as, 0)
					}
					if nat.dst[family] != "" {
						c.DstNAT = natTo(nat.dst[family], nat.dstPort)
					}
					if nat.clash {
						c.SrcNAT.Port = uint16(20_000 + n)
					}
					if !p.HasPorts() {
						c.SrcNAT.Port, c.DstNAT.Port = 0, 0
					}
					if err := s.Create(t.Context(), &f, &c); err != nil {
						t.Fatalf("%s, %s, zones %d: %v", p, nat.name, zone, err)
					}
					flows = append(flows, f)
					for _, stderr := range made {
						stderr(len(flows))
					}
				}
			}
		}
	}
	return flows
}

// nthAddr is the n-th address of a network of 65,536; "" for "".
func nthAddr(from string, n int) string {
	if from == "" {
		return ""
	}
	a := netip.MustParseAddr(from).AsSlice()
	a[len(a)-1], a[len(a)-2] = byte(n), byte(n>>8)
	addr, _ := netip.AddrFromSlice(a)
	return addr.String()
}

// matrixChange is what the n-th flow has beside its tuple.
func matrixChange(p monitor.Proto, n int) (c kernel.Change) {
	timeout := uint32(95_000)
	c.Timeout = &timeout
	if n%3 > 0 {
		mark := uint32([]int{0, 7, 0x104}[n%3])
		c.Mark = &mark
	}
	if n%5 > 2 {
		status := []monitor.Status{monitor.SeenReply, monitor.SeenReply | monitor.Assured}[n%2]
		c.Status = &status
	}
	if n%4 == 1 {
		c.Labels = make([]byte, 16)
		c.Labels[0] = 1 << 3
	}
	switch p {
	case monitor.TCP:
		c.Proto = &kernel.ProtoInfo{Proto: monitor.TCP, State: []monitor.State{monitor.TCPEstablished, monitor.TCPTimeWait, monitor.TCPSynSent}[n%3]}
	case monitor.SCTP:
		c.Proto = &kernel.ProtoInfo{Proto: monitor.SCTP, State: 4, VTags: [2]uint32{1, uint32(n)}}
	}
	return c
}

// matrixFilters are joined with matrixModifiers.
var (
	matrixFilters = strings.Split(`|-p tcp|-p udp|-p icmp|-p icmpv6|-p sctp|-p gre|-p udplite|-p 253|-f ipv4|-f ipv6|-f ipv6 -p tcp|-f ipv4 -p gre|`+
		`-p tcp -n|-p udp -g|-p sctp -j|-p udplite -n -f ipv6|-p gre -g|-p 253 -j|-p udp -n -g|-f ipv4 -p tcp -n 203.0.113.1|-p udp -f ipv4 -g 203.0.113.80:8080|`+
		`-f ipv4 -p tcp -n 203.0.113.1:20020|-f ipv4 -j 127.0.0.1|-j 203.0.113.1|-s 192.0.2.1|-s 192.0.0.0/16 -p 253|-s 2001:db8::/64|-d 198.51.100.2|-d 2001:db8::2 -p udp|`+
		`-r 203.0.113.80|-r 127.0.0.1|-r ::1|-q 203.0.113.1|-q 2001:db8:1::1|-p tcp --sport 1000|-p tcp --dport 443|-p udp --reply-port-src 8080|-p udp --reply-port-dst 20068|`+
		`-p tcp --state ESTABLISHED|-p tcp --state TIME_WAIT|-p sctp --state ESTABLISHED|-p icmp --icmp-type 8|-p icmpv6 --icmpv6-type 128|-m 7|-m 0x4/0xff|-m 0|`+
		`-w 5|-w 0|--orig-zone 6|--reply-zone 7|--orig-zone 5|-w 5 -p tcp|-u SEEN_REPLY|-u ASSURED|-u UNREPLIED|-u !SEEN_REPLY|-u ASSURED -p udp -f ipv6|`+
		`-f ipv6 -m 7 -w 5 -p udp|-s 192.0.2.1 -d 198.51.100.2 -p tcp --dport 443 -w 5`, "|")
	matrixModifiers = []string{"", "-o id", "-o extended", "-o xml", "-o id,extended,timestamp", "-o xml,id,extended", "-o save"}
)

// TestMatrixSame lists every protocol × family × NAT × zone with every filter, the
// modifiers going round, and gets a sample of the flows one by one.
func TestMatrixSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	flows := matrix(t, ns)
	if len(flows) != matrixFlows {
		t.Fatalf("%d flows", len(flows))
	}
	for i, filter := range matrixFilters {
		for j, modifier := range matrixModifiers {
			if filter == "" || (i+j)%len(matrixModifiers) == 0 {
				compareReading(t, ns, slices.Concat([]string{"-L"}, strings.Fields(filter), strings.Fields(modifier)))
			}
		}
	}
	// With a protocol conntrack(8) 1.4.7 finds no DNAT by -j ADDR.
	if us := ours(t, ns, "-L", "-p", "sctp", "-j", "127.0.0.1"); us.stderr != "4 flow entries have been shown.\n" {
		t.Errorf("-p sctp -j 127.0.0.1: %s", us.stderr)
	}
	for i := 0; i < len(flows); i += 4 * 5 { // those outside of zones: conntrack(8) gets no others
		compareReading(t, ns, getLine(&flows[i]))
	}
}

// getLine is the command line that gets a flow.
func getLine(f *monitor.Flow) []string {
	args := []string{"-G", "-p", f.Orig.Proto.String(), "-s", f.Orig.Src.String(), "-d", f.Orig.Dst.String()}
	number := func(flag string, n uint16) { args = append(args, flag, strconv.Itoa(int(n))) }
	switch p := f.Orig.Proto; {
	case p.HasPorts():
		number("--sport", f.Orig.SrcPort)
		number("--dport", f.Orig.DstPort)
	case p == monitor.GRE:
		number("--srckey", f.Orig.SrcPort)
		number("--dstkey", f.Orig.DstPort)
	case p.IsICMP():
		prefix := "--" + p.String() + "-"
		number(prefix+"type", uint16(f.Orig.ICMPType()))
		number(prefix+"code", uint16(f.Orig.ICMPCode()))
		number(prefix+"id", f.Orig.ICMPID())
	}
	return args
}
