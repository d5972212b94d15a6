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

// lacks says what is missing after the last token.
func (p *parser) lacks(err *Error, what string) *Error {
	if p.at > 0 {
		last := p.tokens[min(p.at, len(p.tokens)-1)]
		for i := p.at; i >= 0 && last.kind == tokEnd; i-- {
			last = p.tokens[i]
		}
		if last.kind != tokEnd {
			err.Msg = what + " should follow " + strconv.Quote(p.text[last.pos:last.end])
		}
	}
	return err
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
	err.Expected = []string{"a condition"}
	return err
}

// loose reports a value in place of a condition.
func (p *parser) loose(t token) *Error {
	if p.at > 1 {
		if last := p.tokens[p.at-2]; last.kind == tokAtom && last.text[0] >= '0' && last.text[0] <= '9' {
			return p.fail(t, "a value needs a field; several values are written "+last.text+","+t.text)
		}
	}
	if _, err := netip.ParsePrefix(t.text); err == nil {
		return p.fail(t, "an address needs a field: net "+t.text)
	}
	if _, err := netip.ParseAddr(t.text); err == nil {
		return p.fail(t, "an address needs a field: host "+t.text)
	}
	return p.fail(t, "a value needs a field: port "+t.text)
}

// noValue reports a text that is no value of the field.
func (p *parser) noValue(f Field, t token) *Error {
	k := f.info().kind
	err := p.fail(t, "not "+k.noun)
	words := k.sorted()
	err.Expected = k.samples()
	if k == kindLabel && len(p.env.Labels) > 0 {
		words = p.labelNames()
		err.Expected = slices.Concat(words[:min(4, len(words))], err.Expected)
	}
	err.Suggestion = human.Nearest(t.text, words)
	if k == kindLabel && p.env.Nameless != nil {
		err.Msg += ": labels have no names here (" + p.env.Nameless.Error() + "), and numbers from 0 to 127"
		return err
	}
	if err.Suggestion == "" && len(err.Expected) <= 8 {
		err.Msg += ", such as " + strings.Join(err.Expected, " ")
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
