package filter

import (
	"strconv"
	"strings"

	"natlens/monitor"
)

// NeedsLocal reports whether a filter asks for processes or containers, which must then be
// looked up.
func NeedsLocal(e Expr) bool {
	return e != nil && !every(e, func(e Expr) bool {
		t, ok := e.(Text)
		return !ok || !t.Field.isLocal()
	})
}

// compileLocal compares a name of the process or container.
func compileLocal(t Text, env Env) monitor.Filter {
	equal, set := t.Op == Eq, mapped(t.Set, func(s string) []string { return strings.Split(s, "*") })
	read := names[t.Field]
	return func(e *monitor.Event) bool {
		name, other := read(e, &env), ""
		if name == "" {
			return false
		}
		if t.Field == FieldUser {
			other = strconv.FormatUint(uint64(env.local(e).UID), 10)
		}
		for _, pattern := range set {
			if like(name, pattern) || other != "" && like(other, pattern) {
				return equal
			}
		}
		return !equal
	}
}

// names are the readers of text fields; "" if the name is not known.
var names = map[Field]func(*monitor.Event, *Env) string{
	FieldNetNS:     func(e *monitor.Event, env *Env) string { return env.Namespaces.Name(e.NetNS()) },
	FieldProcess:   func(e *monitor.Event, env *Env) string { return env.local(e).Process },
	FieldUser:      func(e *monitor.Event, env *Env) string { return env.local(e).User },
	FieldContainer: func(e *monitor.Event, env *Env) string { return env.local(e).Container },
	FieldPod:       func(e *monitor.Event, env *Env) string { return env.local(e).Pod },
}

var unknownLocal monitor.Local

// local returns the process or container of an event; it is empty if it is not known.
func (env *Env) local(e *monitor.Event) *monitor.Local {
	l := e.Local
	if l == nil && env.Local != nil {
		l = env.Local(&e.Flow)
	}
	if l == nil {
		return &unknownLocal
	}
	return l
}

// like reports whether a text has the parts of a pattern, with anything between them.
func like(text string, parts []string) bool {
	last := len(parts) - 1
	if last == 0 {
		return text == parts[0]
	}
	text, ok := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1:last] {
		if !ok {
			return false
		}
		_, text, ok = strings.Cut(text, part)
	}
	return ok && strings.HasSuffix(text, parts[last])
}
