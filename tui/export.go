package tui

import (
	"errors"
	"io/fs"
	"iter"
	"slices"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// exported is the content of a file.
type exported uint8

const (
	exportFlows  exported = iota // the flows of the table that match the filter
	exportKept                   // the matching events of the page Events
	exportStream                 // the matching events from now on
)

// thing is the word for one of them.
func (x exported) thing() string {
	if x == exportFlows {
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

// askQuit asks whether to quit while an export is running; it returns false if there is none.
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
	keep, t, events, now := x.s.Keep, x.s.Table, x.s.Tail, x.s.Clock()
	e := &export{path: path}
	if what != exportStream {
		x.running = e
	}
	return page.Do(func() func() {
		sink, err := x.files.Create(path, overwrite)
		switch {
		case err != nil:
		case what == exportStream:
			events.Record(sink, keep)
		case what == exportKept:
			kept := events.Around(0, keep, 0, tail.Size).Events
			err = errors.Join(e.write(len(kept), slices.Values(kept), sink), sink.Close())
		default:
			all, now := flowEvents(t, keep, now)
			err = errors.Join(e.write(all, now, sink), sink.Close())
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
		x.s.Report(paint.New, "recording to "+path+"; e ends it")
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

// flowEvents returns the flows that match the filter, each in its state when it is written. It
// skips flows that are removed meanwhile.
func flowEvents(t *table.Table, keep monitor.Filter, now monitor.Time) (all int, events iter.Seq[monitor.Event]) {
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
	return len(refs), func(yield func(monitor.Event) bool) {
		seq := uint64(0)
		for _, f := range refs {
			r, x, ok := t.Get(f.row, f.gen)
			if !ok || r.Ended() {
				continue
			}
			r.Event(f.row, x, now, &ev)
			seq++
			ev.Seq = seq
			if !yield(ev) {
				return
			}
		}
	}
}

// write writes events in batches.
func (e *export) write(all int, events iter.Seq[monitor.Event], sink monitor.Sink) error {
	e.all.Store(int64(all))
	var b monitor.Batch
	flush := func() error {
		if len(b.Events) == 0 {
			return nil
		}
		e.written.Add(int64(len(b.Events)))
		defer b.Reset()
		return sink.Write(&b)
	}
	for ev := range events {
		if *b.Add() = ev; len(b.Events) == monitor.BatchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
