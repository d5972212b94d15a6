package filter

import (
	"errors"
	"testing"

	"natlens/monitor"
)

// A value without a field has the field that people mean by it.
func TestBareValues(t *testing.T) {
	env := Env{Named: func(name string) []monitor.Addr {
		if name != "web.example" {
			return nil
		}
		return []monitor.Addr{addr("203.0.113.9"), addr("2001:db8::9"), addr("203.0.113.9")}
	}}
	for _, c := range []struct{ text, want string }{
		{"10.0.0.5", "host 10.0.0.5"},
		{"10.0.0.0/8", "net 10.0.0.0/8"},
		{"10.0.0.5,2001:db8::/32", "net {10.0.0.5,2001:db8::/32}"},
		{"10.0.0.1-10.0.0.2", "host {10.0.0.1,10.0.0.2}"},
		{"10.0.0.1..10.0.0.1", "host 10.0.0.1"},
		{"::", "host ::"},
		{"::ffff:10.0.0.1", "host 10.0.0.1"},
		{"443", "port 443"},
		{"0x1bb", "port 443"},
		{"80,443,8000-8009", "port {80,443,8000..8009}"},
		{"1024..2047", "port 1024..2047"},
		{"HTTPS", "port 443"},
		{"https,ssh", "port {22,443}"},
		{"esp", "proto 50"},
		{"esp,ospf", "proto {50,89}"},
		{"tcp 443 not 10.0.0.0/8", "tcp and port 443 and not net 10.0.0.0/8"},
		{"10.0.0.5 443", "host 10.0.0.5 and port 443"},
		{"80 or 443", "port 80 or port 443"},
		{"mark 1 10.0.0.5", "mark 0x1 and host 10.0.0.5"},
		{"10.0.0.1:443", "host 10.0.0.1 and port 443"},
		{"tcp [2001:db8::1]:443", "tcp and host 2001:db8::1 and port 443"},
		{"tcp:443", "tcp and port 443"},
		{"tcp/https", "tcp and port 443"},
		{"443/udp", "udp and port 443"},
		{"*:443", "port 443"},
		{":443", "port 443"},
		{"web.example", "host {203.0.113.9,2001:db8::9}"},
		{"not web.example udp", "not host {203.0.113.9,2001:db8::9} and udp"},
		{"~ curl", "~ curl"},
		{"tcp~Curl", "tcp and ~ Curl"},
		{`~ "a b"`, `~ "a b"`},
		{`~ "/a/"`, `~ "/a/"`},
		{"~ /24", `~ "/24"`},
		{"~ /a|b c$/ tcp", "~ /a|b c$/ and tcp"},
		{`~/a\/b/`, `~ /a\/b/`},
		{"not ~ /x/ or ~ y", "not ~ /x/ or ~ y"},
	} {
		x, err := env.Parse(c.text)
		if err != nil || x.String() != c.want {
			t.Errorf("%s: %v (%v), want %s", c.text, x, err, c.want)
			continue
		}
		if again, err := Parse(c.want); err != nil || again.String() != c.want {
			t.Errorf("%s: %v (%v)", c.want, again, err)
		}
	}
	for text, want := range map[string]string{
		"dport 80 443":      "column 10: 443: two values side by side; for either of them write 80,443",
		"ssh https":         "column 5: https: two values side by side; for either of them write ssh,https",
		"src 10.0.0.1 ::1":  "column 14: ::1: two values side by side; for either of them write 10.0.0.1,::1",
		"70000":             "column 1: 70000: port goes from 0 to 65535",
		"10.0.0.300":        "column 1: 10.0.0.300: not an address, a network or a port",
		"other.example":     "column 1: other.example: unknown word; did you mean ~ other.example?",
		"example.com:443":   "column 1: example.com:443: not an address, a network or a port; did you mean port 443?",
		"~":                 `column 2: a text or /regexp/ should follow "~"`,
		"~ and":             `column 3: and: a text or /regexp/ should follow ~; write other characters "like this"`,
		"~^tcp":             `column 2: ^: a text or /regexp/ should follow ~; write other characters "like this"`,
		"~ (":               `column 3: (: a text or /regexp/ should follow ~; write other characters "like this"`,
		"~ /(/":             "column 1: ~ /(/: missing closing ): `(`",
		"~ /a{1000}{1000}/": "column 1: ~ /a{1000}{1000}/: invalid nested repetition operator: `{1000}{1000}`",
		`"x"`:               `column 1: "x": a text alone says nothing; write ~ "x"`,
	} {
		_, err := env.Parse(text)
		var e *Error
		if !errors.As(err, &e) || e.Error() != want {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

// A search reads what rows show: names, both sides of a translation, the process, the place.
func TestSearch(t *testing.T) {
	env := Env{Places: samplePlaces, Labels: map[string]int{"voip": 5},
		Shown: func(p monitor.Proto, e monitor.Endpoint) string {
			if e.Addr == addr("203.0.113.9") {
				return "web.example:" + map[uint16]string{443: "https"}[e.Port]
			}
			return ""
		}}
	for text, want := range map[string]string{
		"~ WEB.example:HTTPS":     "https-new https-up https-end",
		"~ 203.0.113.1:39502":     "https-new https-up https-end",
		"~ 192.168.77.2:80":       "web-in",
		"~ established":           "https-up web-in sctp ftp",
		`~ "Ping[4711]"`:          "ping6",
		"~ kube-system":           "half-zoned",
		"~ deutsche":              "https-new https-up https-end ping",
		"~ voip":                  "https-end",
		"~ 0x110":                 "https-up https-end",
		`~ /^gre .* 192\.0/`:      "gre",
		"~ /FTP/":                 "",
		"~ /(?i)FTP|den haag/":    "ftp ftp-data",
		"not ~ . and ~ ftp":       "",
		"~ 10.0.0.5 not ~ /tcp /": "dns zoned ipvs",
	} {
		x, err := env.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := selected(x, env); got != want {
			t.Errorf("%s selects %q, want %q", text, got, want)
		}
	}
}
