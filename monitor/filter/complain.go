package filter

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor/human"
)

// stray reports a token with which no condition can go on.
func (p *parser) stray(t token) *Error {
	switch {
	case t.is(")"):
		return p.fail(t, "no bracket is open")
	case t.is(",") || t.is(".."):
		return p.fail(t, "this belongs between values")
	case t.is("{") || t.is("}"):
		return p.fail(t, "a set follows a field: dport {80,443}")
	case t.kind == tokString:
		return p.fail(t, "a text alone says nothing")
	}
	return p.fail(t, "a comparison needs a field before it: dport > 1023")
}

// lacks reports that the text ends after its last token, where something should follow.
func (p *parser) lacks(what string) *Error {
	last := p.tokens[p.at-1]
	return p.fail(p.peek(), what+" should follow "+strconv.Quote(p.text[last.pos:last.end]))
}

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

// noValue reports a text that is no value of the field.
func (p *parser) noValue(f Field, t token) *Error {
	k := f.info().kind
	err := p.fail(t, "not "+k.noun)
	words, samples := k.sorted(), k.samples()
	if k == kindLabel && len(p.env.Labels) > 0 {
		words = p.labelNames()
		samples = slices.Concat(words[:min(4, len(words))], samples)
	}
	err.Suggestion = human.Nearest(t.text, words)
	if k == kindLabel && p.env.Nameless != nil {
		err.Msg += ": labels have no names here (" + p.env.Nameless.Error() + "), and numbers from 0 to 127"
		return err
	}
	if err.Suggestion == "" && len(samples) <= 8 {
		err.Msg += ", such as " + strings.Join(samples, " ")
	}
	return err
}

// labelNames are the names of labels, by their bits.
func (p *parser) labelNames() []string {
	labels := p.env.Labels
	return slices.SortedFunc(maps.Keys(labels), func(a, b string) int {
		return cmp.Or(cmp.Compare(labels[a], labels[b]), cmp.Compare(a, b))
	})
}
