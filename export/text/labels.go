package text

import (
	"fmt"
	"os"
	"strings"
)

// LabelFile is where connlabel.conf stands: iptables', nft's and conntrack's
// names of label bits.
const LabelFile = "/etc/xtables/connlabel.conf"

// Labels are the names of label bits.
type Labels struct{ names []string }

// ReadLabels reads a connlabel.conf; "" means [LabelFile]. Lines are a bit number
// and a name. As in libnetfilter_conntrack, comments, numbers above 1023, names
// with other characters than letters, digits, blanks and hyphens, and what names
// a bit or uses a name a second time are passed over. A file without a name is an
// error.
func ReadLabels(path string) (*Labels, error) {
	if path == "" {
		path = LabelFile
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	labels, seen := &Labels{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		bit, name, ok := parseLabel(line)
		if !ok || seen[name] || labels.Name(bit) != "" {
			continue
		}
		for len(labels.names) <= bit {
			labels.names = append(labels.names, "")
		}
		labels.names[bit], seen[name] = name, true
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("%s names no label", path)
	}
	return labels, nil
}

// Name returns the name of a bit, "" where it has none. The nil Labels has none.
func (l *Labels) Name(bit int) string {
	if l == nil || bit >= len(l.names) {
		return ""
	}
	return l.names[bit]
}

// Bits returns the numbers of the bits by their names. That of nil is nil.
func (l *Labels) Bits() map[string]int {
	if l == nil {
		return nil
	}
	bits := make(map[string]int, len(l.names))
	for bit, name := range l.names {
		if name != "" {
			bits[name] = bit
		}
	}
	return bits
}

// AppendNames appends the names of the bits that are set and have one, each
// between before and after.
func (l *Labels) AppendNames(b, set []byte, before, after string) []byte {
	for bit := range Bits(set) {
		if name := l.Name(bit); name != "" {
			b = append(append(append(b, before...), name...), after...)
		}
	}
	return b
}

const labelBlanks = " \f\r\t\v\n"

func parseLabel(line string) (bit int, name string, ok bool) {
	if strings.HasPrefix(line, "#") {
		return 0, "", false
	}
	bit, rest, ok := leadingNumber(strings.TrimLeft(line, labelBlanks))
	name = strings.Trim(rest, labelBlanks)
	if !ok || bit > 1023 || name == "" {
		return 0, "", false
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ' ' || c == '-') {
			return 0, "", false
		}
	}
	return bit, name, true
}

// leadingNumber reads a number as strtoul(3) with base 0 does: decimal, octal
// with a 0 in front, hex with 0x.
func leadingNumber(s string) (n int, rest string, ok bool) {
	base := 10
	switch {
	case len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digitOf(s[2]) < 16:
		base, s = 16, s[2:]
	case strings.HasPrefix(s, "0"):
		base = 8
	}
	i := 0
	for ; i < len(s) && digitOf(s[i]) < base; i++ {
		n = min(n*base+digitOf(s[i]), 1<<20)
	}
	return n, s[i:], i > 0
}

func digitOf(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 16
}
