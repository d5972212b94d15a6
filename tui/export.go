package tui

import (
	"errors"
	"io/fs"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/paint"
)

// exporting is a file of flows on its way. written is read while the command
// writes.
type exporting struct {
	path    string
	all     atomic.Int64
	written atomic.Int64
}

// exportedMsg tells how an export went; exist says that only the overwriting was
// not agreed upon.
type exportedMsg struct {
	path    string
	stream  bool
	started bool // a stream that goes on
	written uint64
	exist   bool
	err     error
}

// exportPrompt asks what to export, or ends the recording that runs.
func (m *Model) exportPrompt() *prompt {
	if n, on, _ := m.s.cfg.Tail.Recording(); on {
		return askKey("recording to "+m.streamPath+", "+countOf(n, "event")+" so far: end it?",
			choice{"y", "yes", m.stopStream})
	}
	if m.export != nil {
		m.s.tell(paint.Muted, "an export is on its way")
		return nil
	}
	ask := func(stream bool, name string) func() tea.Cmd {
		return func() tea.Cmd {
			name += m.s.now().Time().In(m.s.cfg.Location).Format("-20060102-150405") + ".jsonl"
			m.prompt = askText("JSON lines to", name, func(path string) tea.Cmd { return m.startExport(path, stream, false) })
			return nil
		}
	}
	what := "all flows"
	switch {
	case m.matching():
		what = "the " + countOf(uint64(m.s.matched), "flow") + " shown"
	case m.s.text != "":
		what = "the flows of the filter"
	}
	return askKey("export as JSON lines:",
		choice{"s", what, ask(false, "flows")},
		choice{"n", "the stream from now on", ask(true, "events")})
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
func (m *Model) startExport(path string, stream, overwrite bool) tea.Cmd {
	s := m.s
	keep, table, tail, now := s.keep, s.cfg.Table, s.cfg.Tail, s.now()
	e := &exporting{path: path}
	if !stream {
		m.export = e
	}
	return func() tea.Msg {
		sink, err := s.cfg.Exporter.Create(path, overwrite)
		out := exportedMsg{path: path, stream: stream, err: err, exist: errors.Is(err, fs.ErrExist)}
		if err != nil {
			return out
		}
		if stream {
			tail.Record(sink, keep)
			out.started = true
			return out
		}
		out.err = errors.Join(e.write(table, keep, now, sink), sink.Close())
		out.written = uint64(e.written.Load())
		return out
	}
}

// write writes the flows that the filter wants as they are when their turn comes;
// those that are gone by then are left out.
func (e *exporting) write(t *monitor.Table, keep monitor.Filter, now monitor.Time, sink monitor.Sink) error {
	type ref struct {
		row uint32
		gen uint64
	}
	var refs []ref
	var ev monitor.Event
	t.Scan(func(i uint32, r *monitor.Row, x *monitor.Extra) bool {
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

func (m *Model) stopStream() tea.Cmd {
	tail, path := m.s.cfg.Tail, m.streamPath
	return func() tea.Msg {
		n, err := tail.StopRecording()
		return exportedMsg{path: path, stream: true, written: n, err: err}
	}
}

// exported shows how it went, and asks before it overwrites.
func (m *Model) exported(e exportedMsg) {
	m.export = nil
	path := monitor.Escape(e.path)
	switch {
	case e.exist:
		m.prompt = askKey(path+" is there already: overwrite it?",
			choice{"y", "yes", func() tea.Cmd { return m.startExport(e.path, e.stream, true) }})
	case e.err != nil:
		m.s.tell(paint.Bad, "export: "+monitor.Escape(e.err.Error()))
	case e.started:
		m.streamPath = path
		m.s.tell(paint.New, "recording to "+path+"; e ends it")
	case e.stream:
		m.s.tell(paint.New, countOf(e.written, "event")+" written to "+path)
	default:
		m.s.tell(paint.New, countOf(e.written, "flow")+" written to "+path)
	}
}
