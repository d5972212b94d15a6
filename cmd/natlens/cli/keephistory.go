package cli

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/human"
)

// HistoryKeeper is a tap that keeps a history. A history that can't be written does
// not end the run: the keeper notes it once, and once more when writing goes on.
type HistoryKeeper struct {
	w      *history.Writer
	wanted monitor.Filter // nil: every flow
	some   monitor.Batch  // what is wanted of a batch
	fault  atomic.Value   // a text: why it can't be written; "": it can
}

// KeepHistory opens a history for the flows that are wanted; nil: for every flow.
// Notes of what goes wrong go to notes.
func KeepHistory(cfg history.Config, wanted monitor.Filter, notes io.Writer) (*HistoryKeeper, error) {
	k := &HistoryKeeper{wanted: wanted}
	k.fault.Store("")
	cfg.Fault = func(err error) {
		if err == nil {
			k.fault.Store("")
			fmt.Fprintf(notes, "natlens: history %s: writing goes on\n", cfg.Dir)
			return
		}
		text := fmt.Sprintf("history %s: %s; translations are held in memory until it can be written", cfg.Dir, OneLine(err))
		k.fault.Store(text)
		fmt.Fprintf(notes, "natlens: %s\n", text)
	}
	var err error
	k.w, err = history.NewWriter(cfg)
	if errors.Is(err, history.ErrLocked) {
		return nil, fmt.Errorf("--history %s: another natlens writes it already", cfg.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--history %s: %w", cfg.Dir, err)
	}
	return k, nil
}

// Trouble says why the history can't be written, "" while it can. It may be called
// from any goroutine.
func (k *HistoryKeeper) Trouble() string { return k.fault.Load().(string) }

// Write hands the events on, and leaves the batch as it is.
func (k *HistoryKeeper) Write(b *monitor.Batch) error {
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

// Close commits what there is.
func (k *HistoryKeeper) Close() error { return k.w.Close() }

// Text sums up what was kept.
func (k *HistoryKeeper) Text() string {
	st := k.w.Stats()
	text := fmt.Sprintf("history: %s ended, %s open, %s on disk", human.Plural(st.Rows+uint64(st.Pending), "translation"), human.Count(uint64(st.Open)), human.Bytes(uint64(st.Bytes)))
	if st.Unkept > 0 {
		text += fmt.Sprintf(", %s could not be kept", human.Count(st.Unkept))
	}
	return text
}
