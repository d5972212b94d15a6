package filter

import (
	"regexp"
	"strconv"
	"strings"

	"natlens/monitor"
)

// NeedsLocal reports whether a filter asks for processes or containers, which must then be
// looked up.
func NeedsLocal(e Expr) bool { return needs(e, kindName) }

// NeedsPlaces reports whether a filter asks for countries, cities or autonomous systems.
func NeedsPlaces(e Expr) bool { return needs(e, kindPlace) }

func needs(e Expr, k *kind) bool {
	return e != nil && !every(e, func(e Expr) bool {
		t, ok := e.(Text)
		return !ok || t.Field.info().kind != k
	})
}

// compileLookedUp compares names of the process, container or place.
func compileLookedUp(t Text, env Env) monitor.Filter {
	equal, pattern, fields := t.Op == Eq, patternOf(t), t.Field.ends()
	return func(e *monitor.Event) bool {
		known := false
		for _, f := range fields {
			name := names[f](e, &env)
			known = known || name != ""
			if name != "" && (pattern.MatchString(name) ||
				f == FieldUser && pattern.MatchString(strconv.FormatUint(uint64(env.local(e).UID), 10))) {
				return equal
			}
		}
		return known && !equal
	}
}

// asNumber is an autonomous system without its organisation.
var asNumber = regexp.MustCompile(`^(?i:as)?(\d+)$`)

// patternOf returns the pattern of any of the texts, in which * matches anything. The names of
// places have no case, and of an autonomous system the number or the organisation is enough.
func patternOf(t Text) *regexp.Regexp {
	flags, isAS := "(?s)", t.Field >= FieldAS && t.Field <= FieldASDst
	if t.Field.info().kind == kindPlace {
		flags = "(?si)"
	}
	return regexp.MustCompile(flags + "^(?:" + strings.Join(mapped(t.Set, func(s string) string {
		if n := asNumber.FindStringSubmatch(s); isAS && n != nil {
			return "AS" + n[1] + "(?: .*)?"
		}
		s = strings.ReplaceAll(regexp.QuoteMeta(strings.ToValidUTF8(s, "\uFFFD")), `\*`, ".*")
		if isAS {
			s = `(?:AS\d+ )?` + s
		}
		return s
	}), "|") + ")$")
}

// names are the readers of text fields; "" if the name is not known. Fields of either end have
// none: see ends.
var names = map[Field]func(*monitor.Event, *Env) string{
	FieldNetNS:      func(e *monitor.Event, env *Env) string { return env.Namespaces.Name(e.NetNS()) },
	FieldProcess:    func(e *monitor.Event, env *Env) string { return env.local(e).Process },
	FieldUser:       func(e *monitor.Event, env *Env) string { return env.local(e).User },
	FieldContainer:  func(e *monitor.Event, env *Env) string { return env.local(e).Container },
	FieldPod:        func(e *monitor.Event, env *Env) string { return env.local(e).Pod },
	FieldCountrySrc: func(e *monitor.Event, env *Env) string { return env.Places.Of(e.Flow.Orig.Src).Country },
	FieldCountryDst: func(e *monitor.Event, env *Env) string { return env.Places.Of(e.Flow.Orig.Dst).Country },
	FieldCitySrc:    func(e *monitor.Event, env *Env) string { return env.Places.Of(e.Flow.Orig.Src).City },
	FieldCityDst:    func(e *monitor.Event, env *Env) string { return env.Places.Of(e.Flow.Orig.Dst).City },
	FieldASSrc:      func(e *monitor.Event, env *Env) string { return env.Places.Of(e.Flow.Orig.Src).ASText() },
	FieldASDst:      func(e *monitor.Event, env *Env) string { return env.Places.Of(e.Flow.Orig.Dst).ASText() },
}

// ends returns the fields of both ends for a field of either end, the sender first, and other
// fields as they are.
func (f Field) ends() []Field {
	switch f {
	case FieldHost:
		return []Field{FieldOrigSrc, FieldReplySrc}
	case FieldCountry, FieldCity, FieldAS:
		return []Field{f + 1, f + 2}
	}
	return []Field{f}
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
