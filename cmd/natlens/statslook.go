//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/human"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// statsLook is what stats --for saw: the events, and what capturing them was
// like.
type statsLook struct {
	took    time.Duration
	way     capture.Way
	before  []ctnetlink.CPUStats // counters when it began
	seen    kindCount
	resyncs uint64
	capture capture.Stats
}

// kindCount is a sink that counts by kind.
type kindCount [monitor.KindNetNSEnd + 1]uint64

func (n *kindCount) Write(b *monitor.Batch) error {
	for i := range b.Events {
		if e := &b.Events[i]; !e.Inferred {
			n[e.Kind]++
		}
	}
	return nil
}

func (n *kindCount) Close() error { return nil }

// lookAtStats captures all events for a while, or until ctx ends, which is no
// error. The table is there to be reconciled after a loss.
func lookAtStats(ctx context.Context, cfg capture.Config, d time.Duration) (*statsLook, error) {
	capture, err := capture.Open(cfg)
	if err != nil {
		return nil, err
	}
	defer capture.Close()
	look := &statsLook{way: capture.Way()}
	m := &loop.Loop{
		Source: capture, Table: table.New(table.Config{}), Sinks: []monitor.Sink{&look.seen},
		Resync: loop.Resync{AfterLoss: true},
	}
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	began := time.Now()
	if err := m.Run(ctx); err != nil {
		return nil, err
	}
	look.took = time.Since(began)
	look.resyncs, look.capture = m.Stats().Resyncs, capture.Stats()
	return look, nil
}

// grown is how much a counter has grown since the look began. The kernel's have
// 32 bits and begin again at 0.
func (l *statsLook) grown(st *stats, k ctnetlink.Counter) (sum uint64) {
	for i := range st.cpus {
		old := statsOfCPU(l.before, st.cpus[i].CPU)
		sum += uint64(st.cpus[i].Get(k) - old.Get(k))
	}
	return sum
}

// lookRow is a line of what was seen.
type lookRow struct {
	name    string // and its member in JSON, without a hyphen
	n       uint64
	unknown bool // there is no telling
	means   string
}

func (l *statsLook) rows() []lookRow {
	c := &l.capture
	forged := lookRow{name: "forged", n: c.Forged, means: "messages of other senders than the kernel, refused"}
	if l.way == capture.Ring {
		forged.unknown, forged.means = true, "the ring is not told who sends a message; --capture socket is"
	}
	return []lookRow{
		{name: "new", n: l.seen[monitor.KindNew]},
		{name: "update", n: l.seen[monitor.KindUpdate]},
		{name: "destroy", n: l.seen[monitor.KindDestroy]},
		{name: "received", n: c.Received, means: "events in all"},
		{name: "lost", n: c.Lost, means: "events that found no room in the queue"},
		{name: "gaps", n: c.Gaps, means: "times that this happened"},
		{name: "resyncs", n: l.resyncs, means: "reconciliations with the kernel's table after it"},
		{name: "malformed", n: c.Malformed, means: "messages that could not be decoded"},
		forged,
		{name: "unknown", n: c.Unknown, means: "attributes that natlens does not know, skipped"},
		{name: "wake-ups", n: c.Wakeups, means: "times that the reader was woken for all these"},
	}
}

// pretty appends a table for people.
func (l *statsLook) pretty(b []byte) []byte {
	seconds := l.took.Seconds()
	text := func(r lookRow) (n, rate string) {
		if r.unknown {
			return "–", "–"
		}
		return human.Count(r.n), human.Count(uint64(float64(r.n)/seconds + 0.5))
	}
	head := l.inTime()
	width := max(len(head), len("a second"))
	for _, r := range l.rows() {
		n, _ := text(r)
		width = max(width, utf8.RuneCountInString(n))
	}
	b = fmt.Appendf(b, "\ncaptured by %s of %s\n%-14s  %*s  %*s\n", l.way, human.Bytes(uint64(l.capture.Capacity)), "", width, head, width, "a second")
	for _, r := range l.rows() {
		n, rate := text(r)
		b = fmt.Appendf(b, "%-14s  %*s  %*s", r.name, width, n, width, rate)
		if r.means != "" {
			b = append(append(b, "  "...), r.means...)
		}
		b = append(b, '\n')
	}
	return b
}

// inTime heads a column of what came in the time of the look.
func (l *statsLook) inTime() string { return "in " + l.took.Round(100*time.Millisecond).String() }

// lookJSON is the member look of stats -o json.
type lookJSON struct {
	Seconds  float64           `json:"seconds"`
	Capture  string            `json:"capture"`
	Queue    int               `json:"queue"`
	Events   map[string]uint64 `json:"events"`
	Counters map[string]uint64 `json:"counters"`
}

func (l *statsLook) json(st *stats) *lookJSON {
	out := &lookJSON{
		Seconds: l.took.Round(time.Millisecond).Seconds(), Capture: l.way.String(), Queue: l.capture.Capacity,
		Events: map[string]uint64{}, Counters: map[string]uint64{},
	}
	for _, r := range l.rows() {
		if !r.unknown {
			out.Events[strings.ReplaceAll(r.name, "-", "")] = r.n
		}
	}
	for _, k := range st.counters() {
		out.Counters[k.String()] = l.grown(st, k)
	}
	return out
}
