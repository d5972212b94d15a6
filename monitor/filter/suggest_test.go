package filter

import (
	"errors"
	"testing"
)

// TestSuggestions gives filters as users of tcpdump, Wireshark, nft, conntrack(8) and of URLs write them. The filter in
// which the suggestion replaces what is wrong must parse.
func TestSuggestions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"icmp6", "icmpv6"},
		{"icmp6 or tcp", "icmpv6 or tcp"},
		{"tcp,udp", "tcp or udp"},

		{"src or dst port 80", "port 80"},
		{"tcp and (src or dst port 80)", "tcp and (port 80)"},
		{"src or dst 192.0.2.1", "host 192.0.2.1"},
		{"src or dst host 192.0.2.1", "host 192.0.2.1"},
		{"src or dst net 10.0.0.0/8", "net 10.0.0.0/8"},
		{"src or dst portrange 80-90", "portrange 80-90"},
		{"src and dst port 80", "src port 80 and dst port 80"},
		{"src and dst 192.0.2.1", "src 192.0.2.1 and dst 192.0.2.1"},
		{"sport or dport 443", "port 443"},

		{"ip.src == 10.0.0.1", "src == 10.0.0.1"},
		{"ip.src==10.0.0.1 && tcp.port==443", "src==10.0.0.1 && tcp.port==443"},
		{"src==10.0.0.1 && tcp.port==443", "src==10.0.0.1 && tcp port==443"},
		{"ip.addr == 10.0.0.0/8 tcp", "host == 10.0.0.0/8 tcp"},
		{"tcp.dstport in {80,443}", "tcp dport in {80,443}"},
		{"udp.srcport == 53 or tcp", "udp sport == 53 or tcp"},
		{"ipv6.dst == 2001:db8::1", "dst == 2001:db8::1"},
		{"ip saddr 10.0.0.1", "ip src 10.0.0.1"},
		{"ip protocol tcp", "ip proto tcp"},
		{"srcip=10.0.0.1", "src=10.0.0.1"},
		{"dst_port 443", "dport 443"},
		{"greater 1000", "bytes > 1000"},

		{"-p tcp", "tcp"},
		{"udp or -s 10.0.0.1", "udp or src 10.0.0.1"},
		{"--dport 443 and tcp", "dport 443 and tcp"},
		{"--dport=443", "dport 443"},

		{"host:443", "port 443"},
		{"sport:443", "sport 443"},
		{"host 10.0.0.1:443", "host 10.0.0.1 port 443"},
		{"src == 10.0.0.1:443", "src 10.0.0.1 sport 443"},
		{"dst host 10.0.0.1:443", "dst 10.0.0.1 dport 443"},
		{"reply.dst 10.0.0.1:443", "reply.dst 10.0.0.1 reply.dport 443"},
		{"nosuch", "~ nosuch"},
		{"tcp or example.com", "tcp or ~ example.com"},
		{"dst 443", "dport 443"},
		{"dport 10.0.0.1", "dst 10.0.0.1"},
	} {
		_, err := Parse(c.text)
		var e *Error
		if !errors.As(err, &e) || e.Suggestion == "" {
			t.Errorf("%s: no suggestion: %v", c.text, err)
			continue
		}
		text := []rune(c.text)
		got := string(text[:e.Col-1]) + e.Suggestion + string(text[e.Col-1+e.Len:])
		if got != c.want {
			t.Errorf("%s: %v gives %s, want %s", c.text, err, got, c.want)
		}
		if _, err := Parse(e.Suggestion); err != nil {
			t.Errorf("%s: the suggestion %s: %v", c.text, e.Suggestion, err)
		}
	}
	for _, text := range []string{"10.0.0.0/99", "a:b:c", "-p", "-p nosuch", "-e new", "["} {
		if _, err := Parse(text); err == nil || err.(*Error).Suggestion != "" {
			t.Errorf("%s: %v", text, err)
		}
	}
}
