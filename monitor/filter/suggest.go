package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"natlens/monitor"
	"natlens/monitor/human"
)

// foreign are words of tcpdump, Wireshark, nft and of flow logs, with what natlens calls them.
var foreign = func() map[string]string {
	m := map[string]string{
		"icmp6": "icmpv6", "protocol": "proto", "l4proto": "proto", "ip.proto": "proto",
		"greater": "bytes >", "less": "bytes <",
		"ip.addr": "host", "ipv6.addr": "host", "ip.src_host": "src", "ip.dst_host": "dst",
	}
	for _, side := range []string{"src", "dst"} {
		port := side[:1] + "port"
		for _, word := range []string{"ip." + side, "ipv6." + side, side + "ip", side + "_ip", side + "_addr",
			side + "addr", side[:1] + "addr", side + ".ip"} {
			m[word] = side
		}
		m[side+"port"], m[side+"_port"], m[side+".port"] = port, port, port
		for _, p := range []monitor.Proto{monitor.TCP, monitor.UDP, monitor.SCTP} {
			m[p.Name()+"."+side+"port"], m[p.Name()+".port"] = p.Name()+" "+port, p.Name()+" port"
		}
	}
	return m
}()

// unknown returns the error of an unknown word.
func (p *parser) unknown(t token) *Error {
	err := p.fail(t, "unknown word")
	if c := t.text[0]; isDigit(c) || strings.Contains(t.text, ":") {
		err.Msg = "not an address, a network or a port"
	}
	if p.suggestFlag(err, t) || p.suggestField(err, t) || p.suggest(err, endpoints(t.text)...) {
		return err
	}
	words := termWords
	if p.at > 1 {
		words = append([]string{"and", "or"}, termWords...)
	}
	if err.Suggestion = human.Nearest(t.text, words); err.Suggestion == "" && err.Msg == "unknown word" {
		p.suggest(err, Match{Text: t.text}.String())
	}
	return err
}

// suggestFlag suggests the condition of a flag of conntrack(8): -p tcp, --dport 443.
func (p *parser) suggestFlag(err *Error, t token) bool {
	name, value, attached := SplitFlag(t.text)
	if _, ok := FlagByName(name); !ok {
		return false
	}
	for i := p.at; !attached && i < len(p.tokens)-1 && i < p.at+2; i++ { // --dport 443, --dport=443
		if value = p.tokens[i].text; p.tokens[i].kind == tokAtom {
			t.end = p.tokens[i].end
			break
		}
	}
	sel, wrong := Env{}.FromFlags([]FlagValue{{name, value}})
	known := wrong == nil && sel.Kinds == 0 && p.suggestFor(err, t, sel.Expr.String())
	return known || len(name) == 1 // no word comes close to a letter
}

// suggestField suggests natlens's word for one of another tool, with what follows it up to the next joining word: the
// longest piece of that with which it is a condition.
func (p *parser) suggestField(err *Error, t token) bool {
	word, ok := foreign[fold(t.text)]
	if !ok {
		return false
	}
	const longest = 6 // tokens: == 1..2, for example
	last := p.at
	for last < len(p.tokens)-1 && last < p.at+longest && !isJoin(p.tokens[last]) {
		last++
	}
	for ; last >= p.at; last-- {
		whole := token{pos: t.pos, end: p.tokens[last-1].end}
		if p.suggestFor(err, whole, word+p.text[t.end:whole.end]) {
			return true
		}
	}
	return false
}

// bad reports a character that no filter has.
func (p *parser) bad(t token) *Error {
	err := p.fail(t, "a condition is expected here")
	if t.kind == tokBad {
		whole := t
		for whole.end < len(p.text) && !unicode.IsSpace(rune(p.text[whole.end])) && p.text[whole.end] != ')' {
			whole.end++
		}
		p.suggestFor(err, whole, endpoints(p.text[whole.pos:whole.end])...)
	}
	return err
}

// endpoints returns what an address or protocol with a port may mean: 192.0.2.1:443, [::1]:443, tcp/443, 443/tcp,
// *:443. Not all of it are filters.
func endpoints(text string) (filters []string) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return []string{"host " + ap.Addr().String() + " port " + strconv.Itoa(int(ap.Port()))}
	}
	if name, value, ok := strings.Cut(text, ":"); ok {
		filters = []string{name + " " + value, name + " port " + value, "port " + value}
	}
	if name, value, ok := strings.Cut(text, "/"); ok {
		filters = append(filters, name+" port "+value, value+" port "+name)
	}
	return filters
}

// ofKind suggests for a value that is no value of the field the field of the other kind: dport for dst 443, dst for
// dport 192.0.2.1, both for dst 192.0.2.1:443.
func (p *parser) ofKind(err *Error, f Field, t token) {
	addr, port := sides(f)
	at := slices.IndexFunc(p.tokens, func(o token) bool { return o.pos == t.pos }) - 1
	if at > 0 && (p.tokens[at].is("=") || p.tokens[at].is("==")) {
		at--
	}
	if addr == "" || at < 0 {
		return
	}
	whole, word := token{pos: p.tokens[at].pos, end: t.end}, fold(p.tokens[at].text)
	if at > 0 && qualified[fold(p.tokens[at-1].text)+" "+word] == f {
		whole.pos = p.tokens[at-1].pos
	} else if fieldByName[word] != f {
		return
	}
	if ap, wrong := netip.ParseAddrPort(t.text); wrong == nil {
		p.suggestFor(err, whole, addr+" "+ap.Addr().String()+" "+port+" "+strconv.Itoa(int(ap.Port())))
		return
	}
	p.suggestFor(err, whole, addr+" "+t.text, port+" "+t.text)
}

// sides returns the fields of the address and of the port of which f is one.
func sides(f Field) (addr, port string) {
	for _, pair := range [][2]Field{
		{FieldHost, FieldPort}, {FieldOrigSrc, FieldOrigSPort}, {FieldOrigDst, FieldOrigDPort},
		{FieldReplySrc, FieldReplySPort}, {FieldReplyDst, FieldReplyDPort},
		{FieldNATSrc, FieldNATSPort}, {FieldNATDst, FieldNATDPort},
	} {
		if slices.Contains(pair[:], f) {
			return pair[0].String(), pair[1].String()
		}
	}
	return "", ""
}

// shared returns the filter that "src or dst VALUE" means, in which the first field has no
// value.
func (p *parser) shared(err *Error) {
	if p.at == 0 || p.at+2 >= len(p.tokens) {
		return
	}
	word := func(i int) string { return p.text[p.tokens[i].pos:p.tokens[i].end] }
	first, join, second, value, last := word(p.at-1), word(p.at), word(p.at+1), word(p.at+2), p.at+2
	kind := ""
	if slices.Contains([]string{"host", "net", "port", "portrange"}, fold(value)) && p.at+3 < len(p.tokens)-1 {
		kind, value, last = value+" ", word(p.at+3), p.at+3
	}
	whole := token{pos: p.tokens[p.at-1].pos, end: p.tokens[last].end}
	each := first + " " + kind + value + " " + join + " " + second + " " + kind + value
	texts := []string{each}
	if both := fold(first + " " + join + " " + second); both == "src or dst" || both == "dst or src" ||
		both == "sport or dport" || both == "dport or sport" {
		texts = []string{hostOrNet(value), "port " + value, each}
		if kind != "" {
			texts[0] = kind + value
		}
	}
	if p.suggestFor(err, whole, texts...) {
		err.Msg = "each field needs a value"
	}
}

func hostOrNet(value string) string {
	if strings.Contains(value, "/") {
		return "net " + value
	}
	return "host " + value
}

// suggest suggests the first text that is a filter in place of what is wrong. It returns false if none is.
func (p *parser) suggest(err *Error, texts ...string) bool {
	if p.env.terse {
		return false
	}
	env := p.env
	env.terse = true
	for _, text := range texts {
		if _, wrong := env.Parse(text); wrong == nil {
			err.Suggestion = strings.TrimSpace(text)
			return true
		}
	}
	return false
}

// suggestFor is suggest for more than the token that is wrong: the error covers all that the suggestion replaces.
func (p *parser) suggestFor(err *Error, whole token, texts ...string) bool {
	ok := p.suggest(err, texts...)
	if ok {
		wider := newError(p.text, whole.pos, whole.end, err.Msg)
		err.Col, err.Len = wider.Col, wider.Len
	}
	return ok
}
