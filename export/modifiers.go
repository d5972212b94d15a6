package export

import (
	"fmt"
	"strings"
)

// conntrackModifiers are the words of conntrack's -o, in its own order: a word
// may be cut short, and the first that begins so is meant.
var conntrackModifiers = []struct {
	name string
	set  func(*ConntrackOptions)
}{
	{"xml", func(o *ConntrackOptions) { o.XML = true }},
	{"extended", func(o *ConntrackOptions) { o.Extended = true }},
	{"timestamp", func(o *ConntrackOptions) { o.Timestamp = true }},
	{"id", func(o *ConntrackOptions) { o.ID = true }},
	{"ktimestamp", func(o *ConntrackOptions) { o.KTimestamp = true }},
	{"labels", func(o *ConntrackOptions) { o.Labels = true }},
	{"userspace", func(*ConntrackOptions) {}}, // conntrack 1.4.7 takes the word; it says [USERSPACE] with or without it
}

// ParseConntrackModifiers reads the argument of conntrack's -o, words with
// commas between them: id,timestamp,ktimestamp,extended,labels,xml,userspace. No
// words are no modifiers. The words are taken in any case and cut short, as
// conntrack takes them.
func ParseConntrackModifiers(list string) (ConntrackOptions, error) {
	var o ConntrackOptions
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
		return ConntrackOptions{}, modifierError(word)
	}
	return o, nil
}

func modifierError(word string) error {
	if strings.EqualFold(word, "save") {
		return fmt.Errorf("output modifier save: not supported; use conntrack -o save")
	}
	var names []string
	for _, m := range conntrackModifiers {
		names = append(names, m.name)
	}
	return unknownWord("output modifier", word, names)
}
