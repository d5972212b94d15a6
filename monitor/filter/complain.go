package filter

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor/human"
)

// stray returns the error of a token that cannot continue a condition.
func (p *parser) stray(t token) *Error {
	switch {
	case t.is(")"):
		return p.fail(t, "no bracket is open")
	case t.is(",") || t.is(".."):
		err := p.fail(t, "this belongs between values")
		p.rewrite(err, t)
		return err
	case t.is("{") || t.is("}"):
		return p.fail(t, "a set follows a field: dport {80,443}")
	case t.kind == tokString:
		return p.fail(t, "a text alone says nothing")
	}
	return p.fail(t, "a comparison needs a field before it: dport > 1023")
}

// lacks returns the error of a text that ends too early.
func (p *parser) lacks(what string) *Error {
	last := p.tokens[p.at-1]
	return p.fail(p.peek(), what+" should follow "+strconv.Quote(p.text[last.pos:last.end]))
}

// noValue returns the error of a text that is not a value of the field.
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
	if err.Suggestion == "" && !p.rewrite(err, t) && len(samples) <= 8 {
		err.Msg += ", such as " + strings.Join(samples, " ")
	}
	return err
}

// labelNames returns the names of labels, ordered by bit.
func (p *parser) labelNames() []string {
	labels := p.env.Labels
	return slices.SortedFunc(maps.Keys(labels), func(a, b string) int {
		return cmp.Or(cmp.Compare(labels[a], labels[b]), cmp.Compare(a, b))
	})
}
