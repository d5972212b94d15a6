package filter

import (
	"cmp"

	"natlens/monitor"
)

// names are the readers of text fields; "" if the name is not known. Fields of either end have
// none: see ends.
var names = map[Field]func(*monitor.Event, *Env) string{
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
