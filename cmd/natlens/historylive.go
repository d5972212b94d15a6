//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/loop"
)

// keptHistory is the history to keep beside the stream.
func (c *watchConfig) keptHistory() (history.Config, error) {
	cfg, err := c.history.Beside()
	if err != nil || cfg.Dir == "" {
		return cfg, err
	}
	cfg.Namespace = c.capture.NamespaceName()
	return cfg, c.historyNeeds()
}

// historyNeeds refuses what would leave a history in the dark.
func (c *watchConfig) historyNeeds() error {
	switch k := c.kinds(); {
	case c.raw:
		return cli.Usagef("--history is not for -E: natlens watch has it")
	case !k.New || !k.Update || !k.Destroy:
		return cli.Usagef("--history needs events of every kind: not together with --event-mask")
	case c.resync != "on":
		return cli.Usagef("--history needs the table: not together with --resync off")
	}
	return nil
}

// keepHistory has the run keep its history until stop is called.
func (s *stream) keepHistory(m *loop.Loop) (stop func() error, err error) {
	if s.history.Dir == "" {
		return func() error { return nil }, nil
	}
	k, err := openKeeper(s.history, s.logged, s.con.Stderr)
	if err != nil {
		return nil, err
	}
	m.Taps = append(m.Taps, k)
	m.Resync.Every = silentEvery
	s.takeExisting(m)
	return func() error {
		err := k.Close()
		s.note("%s", k.Text())
		return err
	}, nil
}

// keepHistory has the UI keep its history until stop is called. That it can't be
// written stands on the screen as long as it does; what went wrong is told once more
// when the screen is free again.
func (c *liveUI) keepHistory(con cli.Console, cfg history.Config, m *loop.Loop) (stop func() error, err error) {
	if cfg.Dir == "" {
		return func() error { return nil }, nil
	}
	cfg.Namespace = c.capture.NamespaceName()
	var notes laterNotes
	k, err := openKeeper(cfg, nil, &notes)
	if err != nil {
		return nil, err
	}
	m.Taps = append(m.Taps, k)
	c.trouble = k.trouble
	return func() error {
		err := k.Close()
		notes.tell(con.Stderr)
		return err
	}, nil
}

// laterNotes keeps the last of some notes until somebody can read them.
type laterNotes struct {
	mu    sync.Mutex
	lines [][]byte
}

const laterMost = 20

func (n *laterNotes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lines = append(n.lines, bytes.Clone(p)); len(n.lines) > laterMost {
		n.lines = n.lines[1:]
	}
	return len(p), nil
}

func (n *laterNotes) tell(w io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.lines {
		_, _ = w.Write(line)
	}
}

// keeper is a tap that keeps a history. A history that can't be written does not
// end the run: it is told once, and once more when it goes on.
type keeper struct {
	w      *history.Writer
	wanted monitor.Filter // nil: every flow
	some   monitor.Batch  // what is wanted of a batch
	fault  atomic.Value   // a text: why it can't be written; "": it can
}

// openKeeper opens the history. Notes of what goes wrong go to notes.
func openKeeper(cfg history.Config, wanted monitor.Filter, notes io.Writer) (*keeper, error) {
	k := &keeper{wanted: wanted}
	k.fault.Store("")
	cfg.Fault = func(err error) {
		if err == nil {
			k.fault.Store("")
			fmt.Fprintf(notes, "natlens: history %s: writing goes on\n", cfg.Dir)
			return
		}
		text := fmt.Sprintf("history %s: %s; translations are held in memory until it can be written", cfg.Dir, cli.OneLine(err))
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

// trouble says why the history can't be written, "" while it can.
func (k *keeper) trouble() string { return k.fault.Load().(string) }

// Write hands the events on. The batch is left as it is: it is not the keeper's.
func (k *keeper) Write(b *monitor.Batch) error {
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
func (k *keeper) Close() error { return k.w.Close() }

// Text sums up what was kept.
func (k *keeper) Text() string {
	st := k.w.Stats()
	text := fmt.Sprintf("history: %s ended, %s open, %s on disk", human.Plural(st.Rows+uint64(st.Pending), "translation"), human.Count(uint64(st.Open)), human.Bytes(uint64(st.Bytes)))
	if st.Unkept > 0 {
		text += fmt.Sprintf(", %s could not be kept", human.Count(st.Unkept))
	}
	return text
}
