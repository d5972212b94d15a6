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
	return func(e *monitor.Event) bool {
		l := e.Local
		if l == nil && env.Local != nil {
			l = env.Local(&e.Flow)
		}
		name, other := localNames(t.Field, l)
		if name == "" {
			return false
		}
		for _, pattern := range set {
			if like(name, pattern) || other != "" && like(other, pattern) {
				return equal
			}
		}
		return !equal
	}
}

// localNames returns the value of a field, and another way to write it; "" if it is not
// known.
func localNames(f Field, l *monitor.Local) (name, other string) {
	switch {
	case l == nil:
	case f == FieldProcess:
		name = l.Process
	case f == FieldContainer:
		name = l.Container
	case f == FieldPod:
		name = l.Pod
	case l.User != "":
		name, other = l.User, strconv.FormatUint(uint64(l.UID), 10)
	}
	return name, other
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
