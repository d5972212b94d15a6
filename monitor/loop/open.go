package loop

import (
	"errors"
	"slices"

	"natlens/monitor"
)

// localsSink is a sink that writes the host's addresses into a recording.
type localsSink interface{ Locals(*monitor.Locals) }

// Sink adds a sink for the events that pass the filter. Close calls close, which may be nil.
func (m *Loop) Sink(s monitor.Sink, close func() error) {
	m.Sinks = append(m.Sinks, s)
	if close != nil {
		m.OnClose(close)
	}
}

// SetLocals sets the host's addresses in the table and in the sinks that record them.
func (m *Loop) SetLocals(l *monitor.Locals) {
	if m.Table != nil {
		m.Table.SetLocals(l)
	}
	for _, s := range m.Sinks {
		if s, ok := s.(localsSink); ok {
			s.Locals(l)
		}
	}
}

// OnClose adds a function that Close calls.
func (m *Loop) OnClose(f func() error) { m.closers = append(m.closers, f) }

// Close calls what Sink and OnClose added, in reverse order. A second Close does nothing.
func (m *Loop) Close() error {
	var err error
	for _, close := range slices.Backward(m.closers) {
		err = errors.Join(err, close())
	}
	m.closers = nil
	return err
}
