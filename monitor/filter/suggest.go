package filter

import (
	"net/netip"
	"strings"

	"natlens/monitor/human"
)

// unknown reports a word that nothing begins with.
func (p *parser) unknown(t token) *Error {
	if c := t.text[0]; c >= '0' && c <= '9' || strings.Contains(t.text, ":") {
		return p.loose(t)
	}
	err := p.fail(t, "unknown word")
	words := termWords
	if p.at > 1 {
		words = append(append([]string{}, termWords...), "and", "or")
	}
	err.Suggestion = human.Nearest(t.text, words)
	return err
}

// loose reports a value in place of a condition. What it suggests is a filter.
func (p *parser) loose(t token) *Error {
	if p.at > 1 {
		if last := p.tokens[p.at-2]; last.kind == tokAtom && last.text[0] >= '0' && last.text[0] <= '9' {
			return p.fail(t, "a value needs a field; several values are written "+last.text+","+t.text)
		}
	}
	err := p.fail(t, "a value needs a field")
	addr, _, _ := strings.Cut(t.text, "/")
	if _, wrong := netip.ParseAddr(addr); wrong == nil {
		err.Msg = "an address needs a field"
	}
	name, value, _ := strings.Cut(t.text, ":")
	err.Suggestion = p.filterOf(hostOrNet(t.text), "port "+t.text, name+" "+value, name+" port "+value)
	return err
}

// shared suggests what "src or dst VALUE" means, in which the first field has no value.
func (p *parser) shared() string {
	if p.at == 0 || p.at+2 >= len(p.tokens) {
		return ""
	}
	word := func(t token) string { return p.text[t.pos:t.end] }
	first, join, second, value := word(p.tokens[p.at-1]), word(p.tokens[p.at]), word(p.tokens[p.at+1]),
		word(p.tokens[p.at+2])
	whole := first + " " + value + " " + join + " " + second + " " + value
	if both := fold(first + " " + join + " " + second); both == "src or dst" || both == "dst or src" ||
		both == "sport or dport" || both == "dport or sport" {
		return p.filterOf(hostOrNet(value), "port "+value, whole)
	}
	return p.filterOf(whole)
}

func hostOrNet(value string) string {
	if strings.Contains(value, "/") {
		return "net " + value
	}
	return "host " + value
}

// filterOf returns the first text that is a filter, "" if none is.
func (p *parser) filterOf(texts ...string) string {
	if p.env.terse {
		return ""
	}
	env := p.env
	env.terse = true
	for _, text := range texts {
		if _, err := env.Parse(text); err == nil {
			return text
		}
	}
	return ""
}
