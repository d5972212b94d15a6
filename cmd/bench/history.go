//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/translation"
)

// benchHistory measures the history: it writes one of a busy gateway's day and queries
// it.
func benchHistory(ctx context.Context, args []string) error {
	var b historyBench
	flags := flag.NewFlagSet("history", flag.ExitOnError)
	flags.Uint64Var(&b.flows, "flows", 2_000_000, "translations to write")
	flags.Uint64Var(&b.day, "day", 200_000_000, "translations a day, which sets their times")
	flags.StringVar(&b.dir, "dir", "", "new directory of the history (default: a temporary one, deleted at the end)")
	flags.Parse(args)
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "natlens-history")
		if err != nil {
			return err
		}
		b.dir = dir
		defer os.RemoveAll(dir)
	}
	if err := b.build(ctx); err != nil {
		return err
	}
	return b.ask(ctx)
}

// historyBench is one run. Everything about a flow follows from its number, so that the
// answers can be checked without a record of the flows.
type historyBench struct {
	flows, day uint64
	dir        string
}

const (
	historyBegin = monitor.Time(1767225600 * 1e9) // 2026-01-01
	outsideAddrs = 16
	insideHosts  = 20_000
)

// mix is splitmix64: the random numbers of a flow.
func mix(n, salt uint64) uint64 {
	z := n*0x9e3779b97f4a7c15 + salt*0xd1b54a32d192ed03
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// start is the time of flow n's first packet.
func (b *historyBench) start(n uint64) monitor.Time {
	return historyBegin + monitor.Time(float64(n)*86400e9/float64(b.day))
}

// life is the lifetime of flow n: mostly 30 s to 3 minutes, for one in fifty up to four
// hours.
func (b *historyBench) life(n uint64) monitor.Time {
	r := mix(n, 1)
	if r%50 == 0 {
		return monitor.Time(mix(n, 2) % uint64(4*3600e9))
	}
	return 30e9 + monitor.Time(mix(n, 2)%uint64(150e9))
}

func v4(n uint64) monitor.Addr {
	return monitor.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// flow is the n-th flow: TCP or UDP, its source translated to one of a few addresses.
func flow(n uint64) (f monitor.Flow) {
	proto := monitor.TCP
	if mix(n, 3)%3 == 0 {
		proto = monitor.UDP
	}
	inside, outside := v4(0x0a000000+mix(n, 4)%insideHosts), v4(0xc6120000+n%outsideAddrs)
	dst := v4(0x08000000 + mix(n, 5)%0x10000000)
	f.Orig = monitor.Tuple{
		Src: inside, SrcPort: uint16(1024 + mix(n, 6)%64512), Dst: dst, DstPort: 443,
		Proto: proto, Family: monitor.IPv4,
	}
	f.Reply = monitor.Tuple{
		Src: dst, SrcPort: 443, Dst: outside, DstPort: uint16(1024 + n/outsideAddrs%64512),
		Proto: proto, Family: monitor.IPv4,
	}
	f.Status = monitor.SrcNAT | monitor.SeenReply | monitor.Assured | monitor.Confirmed
	f.ID = uint32(mix(n, 7))
	return f
}

// build writes the flows at full speed.
func (b *historyBench) build(ctx context.Context) error {
	w, err := history.NewWriter(history.Config{Dir: b.dir, Note: func(text string) { fmt.Println(text) }})
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Printf("writing %d translations, %d a day\n", b.flows, b.day)
	const step = monitor.Time(1e9)
	var (
		batch       monitor.Batch
		ends        = map[monitor.Time][]uint64{} // flows that end within a second
		next, ended uint64
		began       = time.Now()
		used        = cpuOf(os.Getpid())
	)
	write := func() {
		if err == nil {
			err = w.Write(&batch)
		}
		batch.Reset()
	}
	add := func(kind monitor.Kind, n uint64, at monitor.Time) *monitor.Event {
		if len(batch.Events) == monitor.BatchSize {
			write()
		}
		e := batch.Add()
		e.Kind, e.Time, e.Gen, e.Flow = kind, at, n+1, flow(n)
		e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
		return e
	}
	for now := historyBegin; ended < b.flows && ctx.Err() == nil; now += step {
		for ; b.start(next) < now+step; next++ {
			add(monitor.KindNew, next, b.start(next))
			end := (b.start(next) + b.life(next)) / step * step
			ends[end] = append(ends[end], next)
		}
		for _, n := range ends[now] {
			e := add(monitor.KindDestroy, n, b.start(n)+b.life(n))
			e.Flow.CountersOrig = monitor.Counters{Packets: mix(n, 8) % 100, Bytes: mix(n, 9) % 100_000}
			e.Flow.CountersReply = monitor.Counters{Packets: mix(n, 10) % 1000, Bytes: mix(n, 11) % 1_000_000}
			e.Flow.State = monitor.TCPTimeWait
			e.Has |= monitor.AttrState | monitor.AttrCountersOrig | monitor.AttrCountersReply
		}
		ended += uint64(len(ends[now]))
		delete(ends, now)
		if write(); err != nil {
			return err
		}
	}
	if err := w.Sync(); err != nil {
		return err
	}
	took := time.Since(began)
	used = cpuOf(os.Getpid()) - used
	if err := w.Close(); err != nil {
		return err
	}
	st := w.Stats()
	fmt.Printf("%d rows and %d open in %s: %.0f rows/s, %.1f µs of CPU and %.1f bytes a row\n",
		st.Rows, st.Open, took.Round(time.Second), float64(st.Rows)/took.Seconds(),
		float64(used.Nanoseconds())/1000/float64(st.Rows), float64(st.Bytes)/float64(st.Rows))
	return nil
}

// queries is how often each question is asked.
const queries = 100

// ask prints how long queries take, each with a new reader. The answers are checked.
func (b *historyBench) ask(ctx context.Context) error {
	t := newTable("queries", "query", "answers", "median ms", "95% ms", "CPU ms")
	defer t.Flush()
	for _, q := range []struct {
		name   string
		inside bool // by the inside host, otherwise by the outside address and port
		timed  bool
	}{
		{"who held ip:port at a time", false, true},
		{"what did a host hold at a time", true, true},
		{"who held ip:port, ever", false, false},
		{"what did a host hold, ever", true, false},
	} {
		var took []time.Duration
		answers := 0
		used := cpuOf(os.Getpid())
		for i := range uint64(queries) {
			n := mix(i, 99) % b.flows
			f := flow(n)
			query := translation.Query{Proto: f.Reply.Proto,
				Outside: translation.End{Addr: f.Reply.Dst, Port: f.Reply.DstPort, HasPort: true}}
			if q.inside {
				query = translation.Query{Inside: translation.End{Addr: f.Orig.Src}}
			}
			if q.timed {
				query.Since = b.start(n) + b.life(n)/2
				query.Until = query.Since
			}
			began := time.Now()
			found, err := b.find(ctx, query, n)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took, answers = append(took, time.Since(began)), answers+found
		}
		used = (cpuOf(os.Getpid()) - used) / queries
		slices.Sort(took)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		t.row(q.name, float64(answers)/queries, ms(took[queries/2]), ms(took[queries*95/100]), ms(used))
	}
	return nil
}

// find returns the number of answers to a query. Flow n must be among them.
func (b *historyBench) find(ctx context.Context, q translation.Query, n uint64) (answers int, err error) {
	r, err := history.Open(b.dir)
	if err != nil {
		return 0, err
	}
	want, found := flow(n), false
	res, err := r.Find(ctx, q, func(a *translation.Answer) error {
		answers++
		found = found || a.From == want.From() && a.Start == b.start(n)
		return nil
	})
	if err == nil && len(res.Faults) > 0 {
		err = res.Faults[0]
	}
	if err == nil && !found {
		err = fmt.Errorf("flow %d is not among the answers", n)
	}
	return answers, err
}
