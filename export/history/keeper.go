package history

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"natlens/monitor"
	"natlens/monitor/human"
)

// Keeper is a tap that writes a history. A history that cannot be written
// does not end the run: the keeper prints a note when writing starts to fail, and
// one when it works again.
type Keeper struct {
	w      *Writer
	wanted monitor.Filter // nil: every flow
	some   monitor.Batch  // what is wanted of a batch
	fault  atomic.Value   // a text: why it cannot be written; "": it can
}

// Keep opens a history for the flows that wanted selects; nil selects every
// flow. Notes go to notes.
func Keep(cfg Config, wanted monitor.Filter, notes io.Writer) (*Keeper, error) {
	k := &Keeper{wanted: wanted}
	k.fault.Store("")
	note := func(text string) { fmt.Fprintf(notes, "natlens: %s\n", monitor.Escape(text)) }
	cfg.Note = note
	cfg.Fault = func(err error) {
		if err == nil {
			k.fault.Store("")
			note("history " + cfg.Dir + ": writing works again")
			return
		}
		text := fmt.Sprintf("history %s: %s; translations are held in memory until it can be written",
			cfg.Dir, strings.ReplaceAll(err.Error(), "\n", "; "))
		k.fault.Store(text)
		note(text)
	}
	var err error
	k.w, err = NewWriter(cfg)
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("--history %s: another natlens writes to it", cfg.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--history %s: %w", cfg.Dir, err)
	}
	return k, nil
}

// Trouble returns why the history cannot be written, "" while it can. Any
// goroutine may call it.
func (k *Keeper) Trouble() string { return k.fault.Load().(string) }

// Write passes the events on. It does not change the batch.
func (k *Keeper) Write(b *monitor.Batch) error {
	if k.wanted == nil {
		return k.w.Write(b)
	}
	k.some.Reset()
	for i := range b.Events {
		if e := &b.Events[i]; !e.Kind.HasFlow() || k.wanted(e) {
			k.some.Events = append(k.some.Events, *e)
		}
	}
	if len(k.some.Events) == 0 {
		return nil
	}
	return k.w.Write(&k.some)
}

// Close commits what is pending.
func (k *Keeper) Close() error { return k.w.Close() }

// Text returns a summary.
func (k *Keeper) Text() string {
	st := k.w.Stats()
	text := fmt.Sprintf("history: %s ended, %s open, %s on disk",
		human.Plural(st.Rows+uint64(st.Pending), "translation"), human.Count(uint64(st.Open)),
		human.Bytes(uint64(st.Bytes)))
	if st.Unkept > 0 {
		text += fmt.Sprintf(", %s could not be written", human.Count(st.Unkept))
	}
	return text
}
