package conntrack

import (
	"errors"
	"strings"

	"natlens/monitor/human"
)

// Modifiers are the words of conntrack's -o. See [ParseModifiers].
type Modifiers struct {
	ID         bool // id=
	Timestamp  bool // [1234567890.123456] in front of events
	KTimestamp bool // [start=…] [stop=…]
	Extended   bool // the family in front of the protocol
	Labels     bool // labels=, by the names of LabelFile
	XML        bool
	Save       bool // command lines of conntrack(8) instead of lines; not with other modifiers
}

// modifiers are in the order in which conntrack(8) compares them with an abbreviation.
var modifiers = []struct {
	name, help string
	set        func(*Modifiers)
}{
	{"xml", "an XML document instead of lines", func(o *Modifiers) { o.XML = true }},
	{"extended", "the address family at the beginning of each line", func(o *Modifiers) { o.Extended = true }},
	{"timestamp", "the time of each event", func(o *Modifiers) { o.Timestamp = true }},
	{"id", "the kernel's id of the entry", func(o *Modifiers) { o.ID = true }},
	{"ktimestamp", "when the flow began and ended, if nf_conntrack_timestamp is 1",
		func(o *Modifiers) { o.KTimestamp = true }},
	{"labels", "the names of connection labels", func(o *Modifiers) { o.Labels = true }},
	{"userspace", "no effect: lines always name the program that caused an event", func(*Modifiers) {}},
	{"save", "command lines of conntrack(8): -A for a new or listed flow, -U for an update, -D for an end; " +
		"without marks, labels and helpers. Not together with other modifiers",
		func(o *Modifiers) { o.Save = true }},
}

// ModifierHelp returns the words that [ParseModifiers] accepts, with their descriptions.
func ModifierHelp() (rows [][2]string) {
	for _, m := range modifiers {
		rows = append(rows, [2]string{m.name, m.help})
	}
	return rows
}

// ModifierNames returns the words that [ParseModifiers] accepts.
func ModifierNames() (names []string) {
	for _, m := range modifiers {
		names = append(names, m.name)
	}
	return names
}

// ErrSaveAlone means that save is combined with other modifiers. conntrack(8) returns the exit
// code of a failure for it, not of a wrong command line.
var ErrSaveAlone = errors.New("output modifier save: not together with others, because command lines cannot contain " +
	"what they add")

// ParseModifiers reads the argument of conntrack's -o: words separated by commas, in any case
// and perhaps abbreviated. "" means no modifiers.
func ParseModifiers(list string) (Modifiers, error) {
	var o Modifiers
	if list == "" {
		return o, nil
	}
next:
	for word := range strings.SplitSeq(list, ",") {
		for _, m := range modifiers {
			if word != "" && strings.HasPrefix(m.name, strings.ToLower(word)) {
				m.set(&o)
				continue next
			}
		}
		return Modifiers{}, UnknownModifier(word)
	}
	if o.Save && o != (Modifiers{Save: true}) {
		return Modifiers{}, ErrSaveAlone
	}
	return o, nil
}

// UnknownModifier is the error of a word that is not a modifier.
func UnknownModifier(word string) error {
	return human.UnknownWord("output modifier", word, ModifierNames())
}
