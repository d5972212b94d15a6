package tui

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/table"
	"natlens/tui/tail"
)

// churn is a source of new flows and of ends: so many events a second, and as
// many flows as it is to keep.
type churn struct {
	flows, rate int
	n, ended    int
	next        time.Time
}

func (c *churn) tuple(n int) monitor.Flow {
	var f monitor.Flow
	f.Orig = monitor.Tuple{Src: monitor.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}),
		Dst: monitor.AddrFrom4([4]byte{192, 0, 2, byte(n % 200)}), SrcPort: uint16(1024 + n>>8%60000), DstPort: 443,
		Proto: monitor.UDP, Family: monitor.IPv4}
	f.Reply = monitor.Tuple{Src: f.Orig.Dst, Dst: monitor.AddrFrom4([4]byte{203, 0, 113, 1}), SrcPort: 443,
		DstPort: f.Orig.SrcPort, Proto: monitor.UDP, Family: monitor.IPv4}
	f.Status, f.Timeout = monitor.Confirmed|srcNAT, 30
	return f
}

func (c *churn) fill(b *monitor.Batch, n int) {
	now := monitor.Now()
	for range n {
		e := b.Add()
		e.Time, e.Has = now, monitor.AttrOrig|monitor.AttrReply|monitor.AttrStatus|monitor.AttrTimeout
		if c.n-c.ended >= c.flows {
			e.Kind, e.Flow = monitor.KindDestroy, c.tuple(c.ended)
			c.ended++
			continue
		}
		e.Kind, e.Flow = monitor.KindNew, c.tuple(c.n)
		c.n++
	}
}

func (c *churn) Next(ctx context.Context, b *monitor.Batch) error {
	c.next = c.next.Add(time.Second * 500 / time.Duration(c.rate))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(c.next)):
	}
	c.fill(b, 500)
	return nil
}

func (c *churn) Close() error { return nil }

// loaded is a UI over a full table to which events go on coming. If counted, the rates of its
// flows are known.
func loaded(b *testing.B, flows, rate int, counted bool) (*Model, func()) {
	table, tail := table.New(table.Config{Linger: 5 * time.Second, Life: true, Rates: true}), tail.New()
	c := &churn{flows: flows, rate: rate}
	var batch monitor.Batch
	for c.n < flows {
		batch.Reset()
		c.fill(&batch, 1000)
		table.Apply(&batch)
	}
	m := New(Config{Table: table, Tail: tail, Theme: "dark", Info: Info{Max: 1 << 21}, Refresher: noReadings{}})
	if counted {
		for second := range 2 {
			for n := range c.n {
				e := monitor.Event{Time: monitor.Now() + monitor.Time(second)*1e9, Flow: c.tuple(n),
					Has: monitor.AttrOrig | monitor.AttrCountersOrig}
				e.Flow.CountersOrig.Bytes = uint64(second * n)
				m.refresher.take(&e)
			}
		}
	}
	m.tick = func() tea.Cmd { return nil }
	m.resize(160, 50)
	m.theme.set("dark", colorprofile.TrueColor)
	c.next = time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	var feed sync.WaitGroup
	feed.Go(func() {
		mon := loop.Loop{Source: c, Table: table, Sinks: []monitor.Sink{tail}}
		_ = mon.Run(ctx)
	})
	return m, func() { cancel(); feed.Wait() }
}

// deliver gives a message and runs what comes of it.
func deliver(m *Model, msg tea.Msg) {
	switch msg := msg.(type) {
	case nil:
	case tea.BatchMsg:
		for _, cmd := range msg {
			if cmd != nil {
				deliver(m, cmd())
			}
		}
	default:
		if _, cmd := m.Update(msg); cmd != nil {
			deliver(m, cmd())
		}
	}
}

// BenchmarkKeyToFrame is the time from a key that needs other rows to the frame
// that shows them, while 100,000 events a second go into the table.
func BenchmarkKeyToFrame(b *testing.B) {
	for _, c := range []struct {
		name, filter string
		flows        int
		counted      bool
	}{{"400000", "", 400_000, false}, {"1000000", "", 1_000_000, false}, {"rates/400000", "", 400_000, true},
		{"filter/400000", "udp and snat", 400_000, false}, {"filter/1000000", "udp and snat", 1_000_000, false}} {
		b.Run(c.name, func(b *testing.B) {
			m, stop := loaded(b, c.flows, 100_000, c.counted)
			defer stop()
			if err := m.s.SetFilter(c.filter); err != nil {
				b.Fatal(err)
			}
			keys := []tea.KeyPressMsg{{Code: tea.KeyEnd}, {Code: tea.KeyHome}, {Code: 'r', Text: "r"}, {Code: tea.KeyPgDown}}
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				deliver(m, keys[i%len(keys)])
				_, _ = io.WriteString(io.Discard, m.View().Content)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			for _, p := range []int{50, 90, 99} {
				b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("ms/p%d", p))
			}
		})
	}
}

// BenchmarkFrame is what drawing costs, without asking.
func BenchmarkFrame(b *testing.B) {
	m, stop := loaded(b, 10_000, 1000, false)
	defer stop()
	deliver(m, frameMsg{})
	for b.Loop() {
		_, _ = io.WriteString(io.Discard, m.View().Content)
	}
}

// BenchmarkPages is what a question of each page costs, with 400,000 flows, of
// which a filter wants one in two hundred.
func BenchmarkPages(b *testing.B) {
	m, stop := loaded(b, 400_000, 1000, true)
	defer stop()
	for _, filter := range []string{"", "dst 192.0.2.7"} {
		if err := m.s.SetFilter(filter); err != nil {
			b.Fatal(err)
		}
		for i, p := range m.pages {
			b.Run(p.Title()+"/"+filter, func(b *testing.B) {
				m.s.Open = i
				for b.Loop() {
					if cmd := p.Pull(); cmd != nil {
						deliver(m, cmd())
					}
				}
			})
		}
	}
}
