package filter

import (
	"reflect"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// Command lines with conntrack(8)'s flags, what they mean in the language, and
// what is left of the line.
var flagLines = []struct{ args, want, rest string }{
	{"", "true", ""},
	{"-E -p tcp --orig-port-dst 443", "tcp and dport 443", "-E"},
	{"-p tcp --dport 443", "tcp and dport 443", ""},
	{"-ptcp --dport=443 -o id,timestamp", "tcp and dport 443", "-o id,timestamp"},
	{"--protonum 17 --sport 53 watch", "udp and sport 53", "watch"},
	{"--dport 80,443 --sport 1024-2047", "dport {80,443} and sport 1024..2047", ""},
	{"--reply-port-src 1 --reply-port-dst 2", "reply.sport 1 and reply.dport 2", ""},
	{"-s 10.0.0.1 -d 10.0.0.0/8 -r 192.0.2.1 -q 203.0.113.0/24",
		"src 10.0.0.1 and dst 10.0.0.0/8 and reply.src 192.0.2.1 and reply.dst 203.0.113.0/24", ""},
	{"--src 10.0.0.77 --mask-src 255.255.255.0", "src 10.0.0.0/24", ""},
	{"--mask-dst ffff:: --orig-dst 2001:db8::1", "dst 2001::/16", ""},
	{"-f ipv6", "ipv6", ""},
	{"-p tcp --state ESTABLISHED", "tcp and msg.state established", ""},
	{"-p tcp --state LISTEN", "tcp and msg.state syn_sent2", ""},
	{"-p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77", "icmp and icmp.type 8 and icmp.code 0 and icmp.id 77", ""},
	{"-p gre --srckey 0x10 --dstkey 16 --reply-key-src 1 --reply-key-dst 2",
		"gre and srckey 0x10 and dstkey 0x10 and reply.srckey 0x1 and reply.dstkey 0x2", ""},
	{"-p sctp --orig-vtag 1 --reply-vtag 2", "sctp and msg.vtag 0x1 and msg.reply.vtag 0x2", ""},
	{"-p dccp --role client", "dccp and msg.role client", ""},
	{"-n", "snat and msg.status src_nat_done", ""},
	{"-n tcp", "snat and msg.status src_nat_done", "tcp"},
	{"-n 203.0.113.1", "snat-addr and reply.dst 203.0.113.1 and msg.status src_nat_done", ""},
	{"--src-nat=203.0.113.1:1024",
		"snat-addr and reply.dst 203.0.113.1 and snat-port and reply.dport 1024 and msg.status src_nat_done", ""},
	{"-g [2001:db8::1]:80",
		"dnat-addr and reply.src 2001:db8::1 and dnat-port and reply.sport 80 and msg.status dst_nat_done", ""},
	{"-n -g", "snat and msg.status src_nat_done and dnat and msg.status dst_nat_done", ""},
	{"-j -p udp", "udp and (snat and msg.status src_nat_done or dnat and msg.status dst_nat_done)", ""},
	{"-m 7", "msg.mark 0x7", ""},
	{"--mark 0x10/0xff", "msg.mark & 0xff == 0x10", ""},
	{"-m 7/3", "false", ""},
	{"-m 0/0", "has msg.mark", ""},
	{"-l 5 -l eth0-in,7", "msg.label 5 and msg.label 100 and msg.label 7", ""},
	{"-w 5", "zone 5", ""},
	{"-w 0", "msg.zone 0", ""},
	{"--orig-zone 1 --reply-zone 0x2", "msg.orig.zone 1 and msg.reply.zone 2", ""},
	{"-u ASSURED,UNREPLIED", "msg.status assured and msg.status unreplied", ""},
	{"-u !ass,seen", "msg.status != assured and msg.status seen_reply", ""},
	{"-u !UNREPLIED", "msg.status seen_reply", ""},
	{"-t 100", "msg.timeout 1m40s", ""},
	{"-i 5", "id 5", ""},
	{"-E -- -p tcp", "true", "-E -- -p tcp"},
	{"-p 6", "tcp", ""},
	{"-p ESP", "proto 50", ""},
	{"-p tcp,udp", "proto {tcp,udp}", ""},
	{"-p 6 --state established", "tcp and msg.state established", ""},
}

// fromArgs reads the filter flags of a command line; rest is everything else.
func fromArgs(env Env, args []string) (s Selection, rest []string, err error) {
	var values []FlagValue
	args = AttachOptional(args)
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		name, value, attached := SplitFlag(args[i])
		f, ok := FlagByName(name)
		switch {
		case !ok:
			rest = append(rest, args[i])
			continue
		case attached || f.Optional():
		case i+1 < len(args):
			i++
			value = args[i]
		}
		values = append(values, FlagValue{name, value})
	}
	s, err = env.FromFlags(values)
	return s, rest, err
}

var labelEnv = Env{Labels: map[string]int{"eth0-in": 100, "eth0-out": 101}}

func TestFromConntrack(t *testing.T) {
	for _, c := range flagLines {
		s, rest, err := fromArgs(labelEnv, strings.Fields(c.args))
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if got := s.Expr.String(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.args, got, c.want)
		}
		if got := strings.Join(rest, " "); got != c.rest {
			t.Errorf("%s: leaves %q, want %q", c.args, got, c.rest)
		}
		again, err := Parse(s.Expr.String())
		if err != nil || !reflect.DeepEqual(again, s.Expr) {
			t.Errorf("%s: its text %s means %#v (%v), not %#v", c.args, s.Expr, again, err, s.Expr)
		}
	}
}

func TestEventMask(t *testing.T) {
	for _, c := range []struct {
		args string
		want KindSet
		expr string
	}{
		{"", 0, "true"},
		{"-e NEW,UPDATES", Kinds(monitor.KindNew, monitor.KindUpdate), "event {new,update}"},
		{"-e new -e dest", Kinds(monitor.KindNew, monitor.KindDestroy), "event {new,destroy}"},
		{"--event-mask=all", Kinds(monitor.KindNew, monitor.KindUpdate, monitor.KindDestroy), "event {new,update,destroy}"},
	} {
		s, _, err := fromArgs(Env{}, strings.Fields(c.args))
		if err != nil || s.Kinds != c.want || s.Kinds.Expr().String() != c.expr {
			t.Errorf("%s: %b %s, %v; want %b %s", c.args, s.Kinds, s.Kinds.Expr(), err, c.want, c.expr)
		}
	}
	if s := Kinds(monitor.KindNew); !s.Has(monitor.KindNew) || s.Has(monitor.KindUpdate) ||
		!KindSet(0).Has(monitor.KindDestroy) {
		t.Error("a set of kinds does not have what it has")
	}
}

func TestFlagErrors(t *testing.T) {
	for _, args := range []string{
		"-p tpc", "-p", "--proto=", "-p tcp -p udp", "-p icmp --dport 80", "--state X -p udp", "--dport 70000",
		"--dport 80x", "-p tcp --state ESTALISHED", "-p tcp --state COOKIE_WAIT", "-s host", "-s 10.0.0.1 -d ::1",
		"-f ipv6 -s 10.0.0.1", "-f ipv5", "--mask-src 255.0.0.0", "-s 10.0.0.0/8 --mask-src 255.0.0.0",
		"-s x\x1b --mask-src 255.0.0.0", "-s 10.0.0.0 --mask-src 255.0.255.0", "-s 10.0.0.0 --mask-src ffff::",
		"-n -j", "-n=10.0.0.1:99999", "-m x", "-m 1/0x1ffffffff", "-w 65536", "-l eth0-on", "-u ASURED",
		"-u SRC_NAT", "-u UNSET", "-e neu", "-e NEW,", "-t 30s\x1b",
	} {
		_, _, err := fromArgs(labelEnv, strings.Fields(args))
		golden.Words(t, args, err)
	}
	_, err := (Env{}).FromFlags([]FlagValue{{"output", "id"}})
	golden.Words(t, "output", err)
}

func TestAttachOptional(t *testing.T) {
	for args, want := range map[string]string{
		"-E -n 203.0.113.1 -p tcp":    "-E --src-nat=203.0.113.1 -p tcp",
		"-n tcp dport 443":            "-n tcp dport 443",
		"-j -g10.0.0.1:80":            "-j --dst-nat=10.0.0.1:80",
		"--any-nat [::1]:5 -- -n ::1": "--any-nat=[::1]:5 -- -n ::1",
		"--src-nat":                   "--src-nat",
	} {
		if got := strings.Join(AttachOptional(strings.Fields(args)), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", args, got, want)
		}
	}
}

// Each flag has one meaning, and each of its names finds it.
func TestFlagTable(t *testing.T) {
	seen := map[string]string{}
	for _, f := range Flags() {
		names := f.Names()
		if f.Short != 0 {
			names = append(names, string(f.Short))
		}
		for _, n := range names {
			if seen[n] != "" {
				t.Errorf("%s is both %s and %s", n, seen[n], f.Name)
			}
			seen[n] = f.Name
			if g, ok := FlagByName(n); !ok || g.Name != f.Name {
				t.Errorf("%s finds %v", n, g)
			}
		}
		if f.Usage == "" || f.Arg == "" {
			t.Errorf("%s is not described", f.Name)
		}
	}
}

// etcProtocols are the names of Debian's /etc/protocols, but for those of 0, of 262,
// which is no protocol of a packet, and for ipip, which is 4 to the kernel.
const etcProtocols = `icmp=1 ICMP=1 igmp=2 IGMP=2 ggp=3 GGP=3 ipencap=4 IP-ENCAP=4 st=5 ST=5 tcp=6 TCP=6 egp=8 EGP=8 igp=9 IGP=9 pup=12 PUP=12 udp=17 UDP=17
hmp=20 HMP=20 xns-idp=22 XNS-IDP=22 rdp=27 RDP=27 iso-tp4=29 ISO-TP4=29 dccp=33 DCCP=33 xtp=36 XTP=36 ddp=37 DDP=37 idpr-cmtp=38
IDPR-CMTP=38 ipv6=41 IPv6=41 ipv6-route=43 IPv6-Route=43 ipv6-frag=44 IPv6-Frag=44 idrp=45 IDRP=45 rsvp=46 RSVP=46 gre=47 GRE=47 esp=50
IPSEC-ESP=50 ah=51 IPSEC-AH=51 skip=57 SKIP=57 ipv6-icmp=58 IPv6-ICMP=58 ipv6-nonxt=59 IPv6-NoNxt=59 ipv6-opts=60 IPv6-Opts=60 rspf=73
RSPF=73 CPHB=73 vmtp=81 VMTP=81 eigrp=88 EIGRP=88 ospf=89 OSPFIGP=89 ax.25=93 AX.25=93 etherip=97 ETHERIP=97 encap=98 ENCAP=98 pim=103
PIM=103 ipcomp=108 IPCOMP=108 vrrp=112 VRRP=112 l2tp=115 L2TP=115 isis=124 ISIS=124 sctp=132 SCTP=132 fc=133 FC=133 mobility-header=135
Mobility-Header=135 udplite=136 UDPLite=136 mpls-in-ip=137 MPLS-in-IP=137 manet=138 hip=139 HIP=139 shim6=140 Shim6=140 wesp=141 WESP=141
rohc=142 ROHC=142 ethernet=143 Ethernet=143`

func TestProtocolNames(t *testing.T) {
	for pair := range strings.FieldsSeq(etcProtocols) {
		name, number, _ := strings.Cut(pair, "=")
		byName, err := Env{}.FromFlags([]FlagValue{{"proto", name}})
		if err != nil {
			t.Errorf("-p %s: %v", name, err)
			continue
		}
		byNumber, err := Env{}.FromFlags([]FlagValue{{"proto", number}})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(byName.Expr, byNumber.Expr) {
			t.Errorf("-p %s: %s, want protocol %s", name, byName.Expr, number)
		}
	}
}
