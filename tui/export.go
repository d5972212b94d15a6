package tui

import (
	"errors"
	"io/fs"
	"slices"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// exported is what a file gets.
type exported uint8

const (
	exportFlows  exported = iota // those of the table that the filter wants
	exportKept                   // likewise, the events that the page Events has
	exportStream                 // likewise, the events from now on
)

// count names so many of them.
func (x exported) count(n uint64) string {
	if x == exportFlows {
		return human.Plural(n, "flow")
	}
	return human.Plural(n, "event")
}

// exporting is a file of flows or events on its way. written is read while the
// command writes.
type exporting struct {
	path    string
	all     atomic.Int64
	written atomic.Int64
}

// exportedMsg tells how an export went; exist says that only the overwriting was
// not agreed upon.
type exportedMsg struct {
	path    string
	what    exported
	started bool // a stream that goes on
	written uint64
	exist   bool
	err     error
}

// exportPrompt asks what to export, or ends the recording that runs.
func (m *Model) exportPrompt() *prompt {
	if n, on, _ := m.s.cfg.Tail.Recording(); on {
		return askKey("recording to "+m.streamPath+", "+human.Plural(n, "event")+" so far: end it?",
			choice{"y", "yes", m.stopStream})
	}
	if m.export != nil {
		m.s.tell(paint.Muted, "an export is on its way")
		return nil
	}
	ask := func(what exported, name string) func() tea.Cmd {
		return func() tea.Cmd {
			name += m.s.now().Time().In(m.s.cfg.Location).Format("-20060102-150405") + ".jsonl"
			m.prompt = askText("JSON lines to", name, func(path string) tea.Cmd { return m.startExport(path, what, false) })
			return nil
		}
	}
	shown, what, name := "all flows", exportFlows, "flows"
	events, onEvents := m.pages[m.open].(*eventsPage)
	switch {
	case onEvents && m.detail == nil:
		shown, what, name = "the "+human.Plural(uint64(events.matched), "event")+" shown", exportKept, "events"
	case m.matching():
		shown = "the " + human.Plural(uint64(m.s.matched), "flow") + " shown"
	case m.s.text != "":
		shown = "the flows of the filter"
	}
	return askKey("export as JSON lines:",
		choice{"s", shown, ask(what, name)},
		choice{"n", "the stream from now on", ask(exportStream, "events")})
}

// quit ends the UI; while an export is on its way it asks, for the file would have
// only what is written of it.
func (m *Model) quit() tea.Cmd {
	if m.export == nil {
		return tea.Quit
	}
	m.prompt = askKey("quit, and leave "+monitor.Escape(m.export.path)+" as it is, without its rest?",
		choice{"y", "yes", func() tea.Cmd { return tea.Quit }})
	return nil
}

// startExport makes the file and writes, in a command.
func (m *Model) startExport(path string, what exported, overwrite bool) tea.Cmd {
	s := m.s
	keep, table, tail, now := s.keep, s.cfg.Table, s.cfg.Tail, s.now()
	e := &exporting{path: path}
	if what != exportStream {
		m.export = e
	}
	return func() tea.Msg {
		sink, err := s.cfg.Exporter.Create(path, overwrite)
		out := exportedMsg{path: path, what: what, err: err, exist: errors.Is(err, fs.ErrExist)}
		if err != nil {
			return out
		}
		switch what {
		case exportStream:
			tail.Record(sink, keep)
			out.started = true
			return out
		case exportKept:
			err = e.writeEvents(tail.around(0, keep, 0, TailSize).events, sink)
		default:
			err = e.write(table, keep, now, sink)
		}
		out.err = errors.Join(err, sink.Close())
		out.written = uint64(e.written.Load())
		return out
	}
}

// write writes the flows that the filter wants as they are when their turn comes;
// those that are gone by then are left out.
func (e *exporting) write(t *table.Table, keep monitor.Filter, now monitor.Time, sink monitor.Sink) error {
	type ref struct {
		row uint32
		gen uint64
	}
	var refs []ref
	var ev monitor.Event
	t.Scan(func(i uint32, r *table.Row, x *monitor.Extra) bool {
		if r.Ended() {
			return true
		}
		if r.Event(i, x, now, &ev); keep == nil || keep(&ev) {
			refs = append(refs, ref{i, r.Gen})
		}
		return true
	})
	e.all.Store(int64(len(refs)))
	var b monitor.Batch
	for n, f := range refs {
		if r, x, ok := t.Get(f.row, f.gen); ok && !r.Ended() {
			r.Event(f.row, x, now, b.Add())
			b.Events[len(b.Events)-1].Seq = uint64(e.written.Add(1))
		}
		if len(b.Events) == monitor.BatchSize || n == len(refs)-1 && len(b.Events) > 0 {
			if err := sink.Write(&b); err != nil {
				return err
			}
			b.Reset()
		}
	}
	return nil
}

// writeEvents writes events as they came.
func (e *exporting) writeEvents(events []monitor.Event, sink monitor.Sink) error {
	e.all.Store(int64(len(events)))
	var b monitor.Batch
	for part := range slices.Chunk(events, monitor.BatchSize) {
		b.Reset()
		for i := range part {
			*b.Add() = part[i]
		}
		if err := sink.Write(&b); err != nil {
			return err
		}
		e.written.Add(int64(len(part)))
	}
	return nil
}

func (m *Model) stopStream() tea.Cmd {
	tail, path := m.s.cfg.Tail, m.streamPath
	return func() tea.Msg {
		n, err := tail.StopRecording()
		return exportedMsg{path: path, what: exportStream, written: n, err: err}
	}
}

// exported shows how it went, and asks before it overwrites.
func (m *Model) exported(e exportedMsg) {
	m.export = nil
	path := monitor.Escape(e.path)
	switch {
	case e.exist:
		m.prompt = askKey(path+" is there already: overwrite it?",
			choice{"y", "yes", func() tea.Cmd { return m.startExport(e.path, e.what, true) }})
	case e.err != nil:
		m.s.tell(paint.Bad, "export: "+monitor.Escape(e.err.Error()))
	case e.started:
		m.streamPath = path
		m.s.tell(paint.New, "recording to "+path+"; e ends it")
	default:
		m.s.tell(paint.New, e.what.count(e.written)+" written to "+path)
	}
}
