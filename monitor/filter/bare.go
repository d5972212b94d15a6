package filter

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

// barePort is a port or a range of ports, in digits.
var barePort = regexp.MustCompile(`^(?:\d+(?:-\d+)?|0x[[:xdigit:]]+)$`)

// bareField returns the field of a value that has none before it: of an address or network host,
// of a number or service port, of a protocol proto.
func bareField(text string) (Field, bool) {
	lo, _, _ := strings.Cut(text, "-")
	if _, ok := parseNetwork(lo); ok {
		return FieldHost, true
	}
	if _, ok := kindPort.named[fold(text)]; ok || barePort.MatchString(text) {
		return FieldPort, true
	}
	return FieldProto, slices.ContainsFunc(kindProto.words, func(w string) bool { return fold(w) == fold(text) })
}

// bare reads values without a field, an address or a protocol with a port, or a shown name. It
// returns nil for every other token.
func (p *parser) bare(t token) Expr {
	if p.env.terse { // a suggestion has fields
		return nil
	}
	if f, ok := bareField(t.text); ok {
		if last := p.tokens[max(0, p.at-2)]; p.at > 1 && last.kind == tokAtom {
			if before, again := bareField(last.text); again && before == f {
				panic(p.fail(t, "two values side by side; for either of them write "+last.text+","+t.text))
			}
		}
		p.at--
		return p.values(f, 0, Eq)
	}
	if x, ok := withPort(t.text); ok {
		return x
	}
	if p.env.Named == nil {
		return nil
	}
	set := mapped(p.env.Named(t.text), func(a monitor.Addr) netip.Prefix {
		return netip.PrefixFrom(a.Netip(), a.Netip().BitLen())
	})
	if len(set) == 0 {
		return nil
	}
	return newAddr(FieldHost, Eq, set)
}

// withPort reads 192.0.2.1:443, [2001:db8::1]:443, tcp:443, tcp/443, 443/tcp, *:443 and :443.
func withPort(text string) (Expr, bool) {
	isProto := func(word string) bool { _, ok := kindProto.named[fold(word)]; return ok }
	proto, port, ok := strings.Cut(text, ":")
	if !ok {
		if proto, port, ok = strings.Cut(text, "/"); isProto(port) {
			proto, port = port, proto
		}
	}
	ap, err := netip.ParseAddrPort(text)
	switch {
	case err == nil:
		text = "host " + ap.Addr().String() + " port " + strconv.Itoa(int(ap.Port()))
	case ok && (proto == "" || proto == "*"):
		text = "port " + port
	case ok && isProto(proto):
		text = "proto " + proto + " port " + port
	default:
		return nil, false
	}
	x, err := Parse(text)
	return x, err == nil
}
