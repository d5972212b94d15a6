package filter

import (
	"reflect"
	"testing"
)

// What is written, and the canonical text of what it means.
var canonical = []struct{ text, want string }{
	{"", "true"},
	{"tcp dport 443", "tcp and dport 443"},
	{"tcp && dport == 443", "tcp and dport 443"},
	{"TCP AND DPort = HTTPS", "tcp and dport 443"},
	{"tcp or udp dport 53", "tcp or udp and dport 53"},
	{"(tcp or udp) dport 53", "(tcp or udp) and dport 53"},
	{"not tcp udp", "not tcp and udp"},
	{"not (tcp or udp)", "not (tcp or udp)"},
	{"!tcp || !!udp", "not tcp or not not udp"},
	{"((tcp))", "tcp"},
	{"tcp and (udp and icmp)", "tcp and udp and icmp"},
	{"tcp or (udp or icmp)", "tcp or udp or icmp"},
	{"not false", "true"},
	{"tcp and true", "tcp"},
	{"snat and reply.dport in 1024..65535", "snat and reply.dport 1024..65535"},
	{"not dst 10.0.0.0/8 or state syn_sent", "not dst 10.0.0.0/8 or state syn_sent"},
	{"mark & 0xff == 0x10", "mark & 0xff == 0x10"},
	{"mark 0x10/0xff", "mark & 0xff == 0x10"},
	{"mark != 16/255", "mark & 0xff != 0x10"},
	{"mark & 0xff", "mark & 0xff != 0x0"},
	{"mark & 0xff in {1,2}", "mark & 0xff in 0x1..0x2"},
	{"mark & 0xff not in {1,2} tcp", "mark & 0xff != 0x1..0x2 and tcp"},
	{"mark & 0xff not tcp", "mark & 0xff != 0x0 and not tcp"},
	{"mark 0", "mark 0x0"},
	{"timeout < 30s", "timeout < 30s"},
	{"timeout > 90", "timeout > 1m30s"},
	{"bytes > 1M", "bytes > 1M"},
	{"bytes >= 1.5k", "bytes >= 1500"},
	{"bytes >= 1Ki", "bytes >= 1024"},
	{"age > 5m", "age > 5m"},
	{"age > 1.5h", "age > 1h30m"},
	{"event in {new, destroy}", "event {new,destroy}"},
	{"event new", "event new"},
	{"event != updates", "event != update"},
	{"dport 1024-2047", "dport 1024..2047"},
	{"dport {443, 80, 81, 80}", "dport {80..81,443}"},
	{"dport 80,443", "dport {80,443}"},
	{"dport not in {80,443}", "dport != {80,443}"},
	{"dport ftp-data", "dport 20"},
	{"src port 80 dst port 443", "sport 80 and dport 443"},
	{"src net 10.1.2.3/8 dst host 192.0.2.1", "src 10.0.0.0/8 and dst 192.0.2.1"},
	{"portrange 80-90", "port 80..90"},
	{"host 2001:db8::1", "host 2001:db8::1"},
	{"net 10.0.0.0/8", "net 10.0.0.0/8"},
	{"host {10.0.0.0/8, 192.0.2.1}", "net {10.0.0.0/8,192.0.2.1}"},
	{"src 192.0.2.1..192.0.2.6", "src {192.0.2.1,192.0.2.2/31,192.0.2.4/31,192.0.2.6}"},
	{"src 192.0.2.0-192.0.2.255", "src 192.0.2.0/24"},
	{"src ::ffff:192.0.2.1", "src 192.0.2.1"},
	{"ip6 and icmpv6", "ipv6 and icmpv6"},
	{"family ipv4", "ipv4"},
	{"proto {6, udp, esp}", "proto {tcp,udp,50}"},
	{"proto 6", "tcp"},
	{"proto 253", "proto 253"},
	{"state established", "state established"},
	{"established or SYN-SENT", "state established or state syn_sent"},
	{"state in {close_wait, last_ack}", "state {close_wait,last_ack}"},
	{"state listen", "state syn_sent2"},
	{"assured", "assured"},
	{"status assured", "assured"},
	{"status & 4 == 4", "assured"},
	{"status & 4 != 4", "status != assured"},
	{"status in {assured, expected}", "assured or expected"},
	{"status != {assured, expected}", "status != assured and status != expected"},
	{"unreplied seen-reply", "unreplied and seen_reply"},
	{"status helper", "status helper"},
	{"status 0x18e", "status 0x18e"},
	{"status & 0x30 == 0x10", "status & 0x30 == 0x10"},
	{"nat", "nat"},
	{"nat none", "nat none"},
	{"nat != none", "nat"},
	{"nat any", "nat"},
	{"nat != any", "nat none"},
	{"nat snat", "snat"},
	{"nat snat+dnat", "nat snat+dnat"},
	{"nat not in {snat,dnat}", "nat != snat and nat != dnat"},
	{"nat not tcp", "nat and not tcp"},
	{"nat tcp", "nat and tcp"},
	{"nat in {snat,dnat}", "snat or dnat"},
	{"portonly redirect nobits", "portonly and redirect and untracked-bits"},
	{"nat != redirect", "nat != redirect"},
	{"nat.src 203.0.113.1 nat.dport 80", "nat.src 203.0.113.1 and nat.dport 80"},
	{"icmp.type 8 icmp.code 0 icmp.id 77", "icmp.type 8 and icmp.code 0 and icmp.id 77"},
	{"srckey 0x10", "srckey 0x10"},
	{"helper ftp", "helper ftp"},
	{`helper {"a b", sip}`, `helper {"a b",sip}`},
	{`secctx != "system_u:object_r"`, "secctx != system_u:object_r"},
	{"label 5", "label 5"},
	{"label {5,6,100}", "label {5..6,100}"},
	{"has helper", "has helper"},
	{"has master", "master"},
	{"master inferred", "master and inferred"},
	{"msg.state established", "msg.state established"},
	{"msg.status assured", "msg.status assured"},
	{"has msg.mark", "has msg.mark"},
	{"path forward or local-out", "path forward or path local-out"},
	{"flow 17", "gen 17"},
	{"zone 5 orig.zone 1 reply.zone < 3", "zone 5 and orig.zone 1 and reply.zone < 3"},
	{"role client", "role client"},
}

func TestParse(t *testing.T) {
	for _, c := range canonical {
		e, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s\n%s", c.text, caret(err))
			continue
		}
		if got := e.String(); got != c.want {
			t.Errorf("%s\nprints as %s\nwant      %s", c.text, got, c.want)
		}
		again, err := Parse(e.String())
		if err != nil {
			t.Errorf("%s: its own text %s: %v", c.text, e, err)
		} else if !reflect.DeepEqual(e, again) {
			t.Errorf("%s: its own text %s means %#v, not %#v", c.text, e, again, e)
		}
	}
}
