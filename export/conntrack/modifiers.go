package conntrack

import (
	"errors"
	"strings"

	"natlens/export/text"
)

// conntrackModifiers are the words of conntrack's -o, in its own order: a word
// may be cut short, and the first that begins so is meant.
var conntrackModifiers = []struct {
	name, help string
	set        func(*Modifiers)
}{
	{"xml", "an XML document in the place of lines", func(o *Modifiers) { o.XML = true }},
	{"extended", "the family too, at the beginning of the line", func(o *Modifiers) { o.Extended = true }},
	{"timestamp", "the time of each event", func(o *Modifiers) { o.Timestamp = true }},
	{"id", "the kernel's id of the entry", func(o *Modifiers) { o.ID = true }},
	{"ktimestamp", "when the flow began and ended, if nf_conntrack_timestamp is 1", func(o *Modifiers) { o.KTimestamp = true }},
	{"labels", "the names of connection labels", func(o *Modifiers) { o.Labels = true }},
	// conntrack 1.4.7 takes the word; it says [USERSPACE] with or without it.
	{"userspace", "nothing more: that a program caused the event is always told", func(*Modifiers) {}},
	{"save", "command lines of conntrack(8) that make, update and delete the flows, without marks and labels; alone", func(o *Modifiers) { o.Save = true }},
}

// ModifierHelp returns the words that [ParseModifiers] takes, and what each adds.
func ModifierHelp() (rows [][2]string) {
	for _, m := range conntrackModifiers {
		rows = append(rows, [2]string{m.name, m.help})
	}
	return rows
}

// ModifierNames are the words that [ParseModifiers] takes.
func ModifierNames() []string {
	var names []string
	for _, m := range conntrackModifiers {
		names = append(names, m.name)
	}
	return names
}

// ParseModifiers reads the argument of conntrack's -o, words with
// commas between them: id,timestamp,ktimestamp,extended,labels,xml,userspace,save.
// No words are no modifiers. The words are taken in any case and cut short, as
// conntrack takes them; save beside another is [ErrSaveAlone].
func ParseModifiers(list string) (Modifiers, error) {
	var o Modifiers
	if list == "" {
		return o, nil
	}
next:
	for word := range strings.SplitSeq(list, ",") {
		for _, m := range conntrackModifiers {
			if word != "" && strings.HasPrefix(m.name, strings.ToLower(word)) {
				m.set(&o)
				continue next
			}
		}
		return Modifiers{}, UnknownModifier(word)
	}
	if alone := (Modifiers{Save: true}); o.Save && o != alone {
		return Modifiers{}, ErrSaveAlone
	}
	return o, nil
}

// ErrSaveAlone says that -o save has no place for what other modifiers add. For
// conntrack(8) it is no error of the command line, but a failure.
var ErrSaveAlone = errors.New("output modifier save: not together with others, for command lines have no place for what they add")

func UnknownModifier(word string) error {
	return text.UnknownWord("output modifier", word, ModifierNames())
}
