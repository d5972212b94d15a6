package filter

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"natlens/monitor"
)

// Match searches a text, in upper or lower case, or a regular expression in what a row of a table
// shows of a flow.
type Match struct {
	Text   string // a regular expression has \/ for /
	Regexp bool
}

func (x Match) String() string {
	switch {
	case x.Regexp:
		return "~ /" + x.Text + "/"
	case strings.HasPrefix(x.Text, "/"): // not a regular expression
		return "~ " + strconv.Quote(x.Text)
	}
	return "~ " + Quote(x.Text)
}

func compileMatch(m Match, env Env) monitor.Filter {
	find := func(row []byte) bool { return bytes.Contains(lowerASCII(row), []byte(m.Text)) }
	if m.Regexp {
		find = regexp.MustCompile(m.Text).Match
	} else {
		m.Text = string(lowerASCII([]byte(m.Text)))
	}
	labels := make(map[int]string, len(env.Labels))
	for name, bit := range env.Labels {
		labels[bit] = name
	}
	rows := sync.Pool{New: func() any { return new([]byte) }}
	return func(e *monitor.Event) bool {
		row := rows.Get().(*[]byte)
		defer rows.Put(row)
		*row = env.appendRow((*row)[:0], e, labels)
		return find(*row)
	}
}

// lowerASCII changes the letters of ASCII to lower case, in place.
func lowerASCII(b []byte) []byte {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return b
}

// appendRow appends what tables can show of a flow, apart from numbers that grow.
func (env *Env) appendRow(b []byte, e *monitor.Event, labels map[int]string) []byte {
	f, known := &e.Flow, e.Known()
	put := func(text string) {
		if text != "" {
			b = append(append(b, ' '), text...)
		}
	}
	b = append(b, f.Orig.Proto.String()...)
	if known&monitor.AttrState != 0 {
		put(f.State.Name(f.Orig.Proto))
	}
	ends := [...]monitor.Endpoint{f.From(), f.SentAs(), f.To(), f.DeliveredTo()}
	for i, end := range ends {
		if slices.Contains(ends[:i], end) {
			continue
		}
		b = end.Addr.AppendTo(append(b, ' '))
		if f.Orig.Proto.HasPorts() {
			b = strconv.AppendUint(append(b, ':'), uint64(end.Port), 10)
		}
		if env.Shown != nil {
			put(env.Shown(f.Orig.Proto, end))
		}
	}
	put(env.Namespaces.Name(e.NetNS()))
	if l := env.local(e); l != &unknownLocal {
		put(l.String())
	}
	put(env.Places.Of(f.Orig.Src).String())
	put(env.Places.Of(f.Orig.Dst).String())
	if f.Mark != 0 {
		put(hex(uint64(f.Mark)))
	}
	if known&monitor.AttrHelper != 0 && e.Extra != nil {
		put(string(e.Extra.Helper))
	}
	for _, v := range appendLabels(e, nil) {
		put(labels[int(v.n)])
	}
	return b
}
