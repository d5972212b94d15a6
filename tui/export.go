package tui

import (
	"errors"
	"io/fs"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// exported is the content of a file.
type exported uint8

const (
	exportFlows  exported = iota // the flows of the table that match the filter
	exportMarked                 // the marked flows
	exportKept                   // the matching events of the page Events
	exportStream                 // the matching events from now on
)

// thing is the word for one of them.
func (x exported) thing() string {
	if x <= exportMarked {
		return "flow"
	}
	return "event"
}

// exporter writes flows and events to files.
type exporter struct {
	s         *page.Session
	files     Exporter
	running   *export // nil: no export is running
	recording string  // path of the file that records the stream, escaped
}

// export is a running export. Both counts are read while the command writes.
type export struct {
	path    string
	all     atomic.Int64
	written atomic.Int64
}

// ask asks what to export: what is shown, or the stream; or whether to end the recording of
// the stream.
func (x *exporter) ask(what exported, shown string) {
	if n, on, _ := x.s.Tail.Recording(); on {
		x.s.Root.Ask(page.AskKey("recording to "+x.recording+", "+human.Plural(n, "event")+" so far: end it?",
			page.Choice{Key: "y", Text: "yes", Act: x.stop}))
		return
	}
	if x.running != nil {
		x.s.Report(paint.Muted, "an export is running")
		return
	}
	to := func(what exported) func() tea.Cmd {
		return func() tea.Cmd {
			name := what.thing() + "s" + x.s.Clock().Time().In(x.s.Location).Format("-20060102-150405") + ".jsonl"
			start := func(path string) tea.Cmd { return x.start(path, what, false) }
			x.s.Root.Ask(page.AskText("JSON lines to", name, start))
			return nil
		}
	}
	x.s.Root.Ask(page.AskKey("export as JSON lines:",
		page.Choice{Key: "s", Text: shown, Act: to(what)},
		page.Choice{Key: "n", Text: "events from now on", Act: to(exportStream)}))
}

// askQuit asks whether to quit while an export is running; it returns false if no export is running.
func (x *exporter) askQuit(quit func() tea.Cmd) bool {
	if x.running == nil {
		return false
	}
	x.s.Root.Ask(page.AskKey("quit, and leave "+monitor.Escape(x.running.path)+" incomplete?",
		page.Choice{Key: "y", Text: "yes", Act: quit}))
	return true
}

// progress returns the progress of the running export, or "".
func (x *exporter) progress() string {
	if x.running == nil {
		return ""
	}
	written, all := x.running.written.Load(), x.running.all.Load()
	return "exporting " + human.Count(uint64(written)) + " of " + human.Count(uint64(all))
}

// start creates the file and writes it.
func (x *exporter) start(path string, what exported, overwrite bool) tea.Cmd {
	s, filter, keep, local, now := x.s, x.s.Filter, x.s.Keep, x.s.Env.Local, x.s.Clock()
	e, rows := &export{path: path}, []rowOf(nil)
	for _, f := range s.MarkedFlows() {
		rows = append(rows, rowOf{f.Index, f.Row.Gen})
	}
	if what != exportStream {
		x.running = e
	}
	return page.Do(func() func() {
		sink, err := x.files.Create(path, overwrite)
		switch {
		case err != nil:
		case what == exportStream:
			s.Tail.Record(sink, keep)
		case what == exportKept:
			kept := s.Tail.Around(0, keep, 0, tail.Size).Events
			err = e.write(sink, len(kept), func(i int, ev *monitor.Event) bool { *ev = kept[i]; return true })
		default:
			if what == exportFlows {
				rows = matchingFlows(s.Table, filter, now)
			}
			err = e.write(sink, len(rows), flowEvents(s.Table, rows, local, now))
		}
		return func() { x.started(e, what, err) }
	})
}

// started reports the result of starting an export, and asks before it overwrites a file.
func (x *exporter) started(e *export, what exported, err error) {
	x.running = nil
	path := monitor.Escape(e.path)
	switch {
	case errors.Is(err, fs.ErrExist):
		x.s.Root.Ask(page.AskKey(path+" exists: overwrite it?",
			page.Choice{Key: "y", Text: "yes", Act: func() tea.Cmd { return x.start(e.path, what, true) }}))
	case err == nil && what == exportStream:
		x.recording = path
		x.s.Report(paint.New, "recording to "+path+"; "+x.s.Keys.Label(keys.Export)+" ends it")
	default:
		x.written(path, uint64(e.written.Load()), what, err)
	}
}

func (x *exporter) written(path string, n uint64, what exported, err error) {
	if err != nil {
		x.s.Report(paint.Bad, "export: "+monitor.Escape(err.Error()))
		return
	}
	x.s.Report(paint.New, human.Plural(n, what.thing())+" written to "+path)
}

// stop ends the recording of the stream.
func (x *exporter) stop() tea.Cmd {
	return page.Do(func() func() {
		n, err := x.s.Tail.StopRecording()
		return func() { x.written(x.recording, n, exportStream, err) }
	})
}

// rowOf is the row of a flow, by its generation.
type rowOf struct {
	index uint32
	gen   uint64
}

// matchingFlows returns the flows that match the filter.
func matchingFlows(t *table.Table, filter *table.CachedFilter, now monitor.Time) (rows []rowOf) {
	t.ScanMatching(filter, now, func(i uint32, r *table.Row, _ *monitor.Extra) {
		if !r.Ended() {
			rows = append(rows, rowOf{i, r.Gen})
		}
	})
	return rows
}

// flowEvents returns a function that writes the i-th flow as it is then. ok is false if it is gone by
// then.
func flowEvents(t *table.Table, rows []rowOf, local func(*monitor.Flow) *monitor.Local,
	now monitor.Time) func(i int, e *monitor.Event) (ok bool) {
	seq := uint64(0)
	return func(i int, e *monitor.Event) bool {
		r, x, ok := t.Get(rows[i].index, rows[i].gen)
		if !ok || r.Ended() {
			return false
		}
		seq++
		r.Event(rows[i].index, x, now, e)
		if local != nil {
			e.Local = local(&e.Flow)
		}
		e.Seq = seq
		return true
	}
}

// write writes those of n events that get finds, in batches, and closes the sink.
func (e *export) write(sink monitor.Sink, n int, get func(i int, e *monitor.Event) (ok bool)) (err error) {
	e.all.Store(int64(n))
	var b monitor.Batch
	for i := range n {
		if !get(i, b.Add()) {
			b.Drop()
		}
		if len(b.Events) == monitor.BatchSize || len(b.Events) > 0 && i == n-1 {
			e.written.Add(int64(len(b.Events)))
			if err = sink.Write(&b); err != nil {
				break
			}
			b.Reset()
		}
	}
	return errors.Join(err, sink.Close())
}
