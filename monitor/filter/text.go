package filter

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

// NeedsLocal reports whether a filter asks for processes or containers, which must then be
// looked up.
func NeedsLocal(e Expr) bool { return asksFor(e, kindName) }

// NeedsPlaces reports whether a filter asks for countries, cities or autonomous systems.
func NeedsPlaces(e Expr) bool { return asksFor(e, kindPlace) }

func asksFor(e Expr, k *valueKind) bool {
	return e != nil && !Every(e, func(e Expr) bool {
		t, ok := e.(Text)
		return !ok || t.Field.info().kind != k
	})
}

// textReaders are the readers of names; "" if the name is not known. Fields of either end have none:
// see ends.
var textReaders = map[Field]func(*monitor.Event, *Env) string{
	FieldNetNS: func(e *monitor.Event, env *Env) string { return env.Namespaces.Name(e.NetNS()) },
	FieldGateway: func(e *monitor.Event, env *Env) string {
		return cmp.Or(env.Namespaces.Get(e.NetNS()).Gateway, env.Gateway).Name()
	},
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

// blobs are the readers of text attributes of the kernel, which are known if knows reports so.
var blobs = map[Field]func(*monitor.Extra) []byte{
	FieldHelper: func(x *monitor.Extra) []byte { return x.Helper },
	FieldSecCtx: func(x *monitor.Extra) []byte { return x.SecCtx },
}

func compileText(t Text, env Env) monitor.Filter {
	if t.Field.isLookedUp() {
		return compileLookedUp(t, env)
	}
	if read := textReaders[t.Field]; read != nil {
		return compileNamed(t, env, read)
	}
	known, equal := knows(t.Field), t.Op == Eq
	set, blob := t.Set, blobs[t.Field&^Sent]
	return func(e *monitor.Event) bool {
		if !known(e) {
			return false
		}
		text := blob(e.Extra)
		for _, s := range set {
			if string(text) == s { // the compiler makes no copy for this
				return equal
			}
		}
		return !equal
	}
}

// compileNamed compares the names of namespaces or gateways at each event, because namespaces begin and end while the
// filter runs.
func compileNamed(t Text, env Env, read func(*monitor.Event, *Env) string) monitor.Filter {
	equal, set := t.Op == Eq, t.Set
	return func(e *monitor.Event) bool { return slices.Contains(set, read(e, &env)) == equal }
}

// compileLookedUp compares names of the process, container or place.
func compileLookedUp(t Text, env Env) monitor.Filter {
	equal, pattern, fields := t.Op == Eq, patternOf(t), t.Field.ends()
	return func(e *monitor.Event) bool {
		known := false
		for _, f := range fields {
			name := textReaders[f](e, &env)
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
	mode, isAS := "(?s)", t.Field >= FieldAS && t.Field <= FieldASDst
	if t.Field.info().kind == kindPlace {
		mode = "(?si)"
	}
	return regexp.MustCompile(mode + "^(?:" + strings.Join(mapped(t.Set, func(s string) string {
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
