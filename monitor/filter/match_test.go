package filter

import "testing"

const everything = "https-new https-up https-end dns web-in ping ping6 gre redirect zoned half-zoned sctp ftp ftp-data ipvs"

var matches = []struct{ text, want string }{
	{"", everything},
	{"true", everything},
	{"false", ""},
	{"tcp dport 443", "https-new https-up https-end"},
	{"udp or icmp", "dns ping zoned half-zoned"},
	{"not (tcp or udp)", "ping ping6 gre sctp ipvs"},
	{"proto 253", "ipvs"},
	{"proto > 200", "?"},
	{"ip6", "ping6"},
	{"family != ipv4", "ping6"},

	{"src 192.168.77.2", "https-new https-up https-end"},
	{"src 192.168.77.0/24", "https-new https-up https-end ping"},
	{"src 192.168.77.3..192.168.77.9", "ping"},
	{"dst {203.0.113.1,192.0.2.53}", "dns web-in zoned half-zoned"},
	{"src != 10.0.0.0/8 udp", ""},
	{"host 203.0.113.1", "https-new https-up https-end web-in ping"},
	{"host 192.168.77.2", "https-new https-up https-end web-in"},
	{"net 2001:db8::/32", "ping6"},
	{"net ::/0", "ping6"},
	{"net 0.0.0.0/0 icmpv6", ""},
	{"host != 10.0.0.5 udp", "half-zoned"},
	{"reply.src 192.168.77.2", "web-in"},
	{"reply.dst 203.0.113.0/24", "https-new https-up https-end ping"},

	{"port 443", "https-new https-up https-end"},
	{"port 2905", "sctp"},
	{"port 123", "zoned half-zoned"},
	{"port != 123 udp", "dns"},
	{"port > 50000", "dns"},
	{"sport 20", "ftp-data"},
	{"dport domain", "dns"},
	{"dport 2048", ""},
	{"dport {80,8000..9000}", "web-in redirect"},
	{"dport != {443,8080} tcp", "redirect ftp ftp-data"},
	{"dport < 100", "dns ftp"},
	{"dport <= 53", "dns ftp"},
	{"dport >= 41001", "ftp-data"},
	{"dport > 65535", ""},
	{"dport < 0", ""},
	{"not dport 0..65535", "ping ping6 gre ipvs"},
	{"reply.sport 80", "web-in"},
	{"reply.dport 39502", "https-new https-up https-end"},

	{"icmp.type 8", "ping"},
	{"icmp.type {8,128}", "ping ping6"},
	{"icmp.code 0", "ping ping6"},
	{"icmp.id 77", "ping"},
	{"reply.icmp.id 59304", "ping"},
	{"icmp.type > 100", "ping6"},
	{"srckey 0x10", "gre"},
	{"srckey & 0xf0 == 0x10", "gre"},
	{"dstkey 8192", "gre"},
	{"reply.srckey 0x2000 reply.dstkey 16", "gre"},

	{"nat", "https-new https-up https-end web-in ping redirect ipvs"},
	{"nat none", "dns ping6 gre zoned half-zoned sctp ftp ftp-data"},
	{"snat", "https-new https-up https-end ping"},
	{"dnat", "web-in redirect ipvs"},
	{"nat snat+dnat", ""},
	{"snat-addr", "https-new https-up https-end ping"},
	{"snat-port", "ping"},
	{"dnat-addr", "web-in ipvs"},
	{"dnat-port", "web-in redirect"},
	{"portonly", "redirect"},
	{"redirect", "redirect"},
	{"untracked-bits", "ipvs"},
	{"stray-bits", ""},
	{"nat != dnat", "https-new https-up https-end dns ping ping6 gre zoned half-zoned sctp ftp ftp-data"},
	{"nat.src 203.0.113.1", "https-new https-up https-end ping"},
	{"nat.src != 203.0.113.1", ""},
	{"nat.sport 1024..65535", "https-new https-up https-end"},
	{"nat.dst 192.168.77.2 nat.dport 80", "web-in"},
	{"nat.dport 9091", "redirect"},

	{"zone 0", "https-new https-up https-end dns web-in ping ping6 gre redirect sctp ftp ftp-data ipvs"},
	{"zone 5", "zoned"},
	{"orig.zone 6", "half-zoned"},
	{"reply.zone > 0", "zoned"},
	{"has zone", "zoned"},
	{"msg.zone 0 udp", "dns half-zoned"},
	{"msg.orig.zone 0 udp", "dns zoned"},

	{"mark 0", "https-new dns web-in ping ping6 gre redirect zoned half-zoned sctp ftp ftp-data ipvs"},
	{"mark 0x110", "https-up https-end"},
	{"mark & 0xff == 0x10", "https-up https-end"},
	{"mark & 0xff in {0x10,0x20}", "https-up https-end"},
	{"mark & 1", ""},
	{"mark & 0xff != 0", "https-up https-end"},
	{"mark >= 1", "https-up https-end"},
	{"has mark", "https-up https-end gre"},
	{"msg.mark 0", "gre"},

	{"id 7", "https-new https-up https-end"},
	{"id in 8..9", "dns web-in"},
	{"gen 4", "ping"},
	{"portid > 0", "ipvs"},
	{"use 1", "gre"},
	{"use != 1", ""},
	{"not use 1 tcp id 7", "https-new https-up https-end"},

	{"syn_sent", "https-new redirect ftp-data"},
	{"established", "https-up web-in sctp ftp"},
	{"tcp established", "https-up web-in ftp"},
	{"msg.state established", "https-up sctp"},
	{"state != established", "https-new https-end redirect ftp-data"},
	{"not established tcp", "https-new https-end redirect ftp-data"},
	{"state {time_wait,syn_sent}", "https-new https-end redirect ftp-data"},

	{"assured", "https-up https-end gre sctp ftp"},
	{"unreplied", "https-new ping ping6 redirect zoned half-zoned ftp-data ipvs"},
	{"seen_reply not assured", "dns web-in"},
	{"related", "ftp-data"},
	{"dying", "https-end"},
	{"status & 0x30 == 0x20", "web-in redirect"},
	{"status 8", "ipvs"},
	{"status != confirmed", ""},

	{"timeout < 30s", ""},
	{"timeout <= 30", "dns ping ping6 zoned half-zoned"},
	{"timeout > 5m", "https-up ftp ipvs"},
	{"timeout in 2m..4m", "https-new gre redirect sctp ftp-data"},
	{"not has timeout", "https-end"},
	{"age 0", "https-new ping ping6 redirect zoned half-zoned ftp-data ipvs"},
	{"age > 4s", "https-up https-end"},
	{"age 13m", "https-end"},

	{"bytes > 1M", "https-end"},
	{"bytes 2080000", "https-end"},
	{"packets < 1k", ""},
	{"orig.packets < 1k", "https-end"},
	{"reply.packets 1.6k", "https-end"},
	{"orig.bytes 80k reply.bytes >= 2M", "https-end"},

	{"event destroy", "https-end"},
	{"event {existing,destroy}", "https-end gre"},
	{"event != {new,update}", "https-end gre"},
	{"inferred", "half-zoned"},

	{"helper ftp", "ftp"},
	{"helper {sip,ftp}", "ftp"},
	{"helper != sip", "ftp"},
	{"helper FTP", ""},
	{"has helper", "ftp"},
	{"has msg.helper", ""},
	{"label 5", "https-end"},
	{"label {4,15}", "https-end"},
	{"label 127", "https-end"},
	{"label != 5", ""},
	{"label != 4", "https-end"},
	{"msg.label 5", ""},
	{`secctx "system_u:object_r:ftp_t:s0"`, "ftp-data"},
	{"master", "ftp-data"},
	{"vtag 0xabc reply.vtag 0xdef", "sctp"},

	{"path forward not tcp not udp", "ping gre sctp ipvs"},
	{"local-out or local-in", "ping6 half-zoned"},
	{"loopback", "redirect"},
	{"path unknown", ""},
}

func TestMatch(t *testing.T) {
	for _, c := range matches {
		e, err := Parse(c.text)
		if err != nil {
			if c.want != "?" {
				t.Errorf("%s\n%s", c.text, caret(err))
			}
			continue
		}
		if got := matching(e); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}
