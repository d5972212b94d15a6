//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/translation"
)

// historyArg has the bench measure the history instead: it builds one of a busy
// gateway's day, then asks it.
const historyArg = "history"

func benchHistory(args []string) {
	var b historyBench
	flags := flag.NewFlagSet(historyArg, flag.ExitOnError)
	flags.Uint64Var(&b.flows, "flows", 2_000_000, "translations to write")
	flags.Uint64Var(&b.day, "day", 200_000_000, "translations of the day that they are of: how dense they lie in time")
	flags.StringVar(&b.dir, "dir", "", "where to write them; must not be there yet (default: a temporary directory, deleted at the end)")
	flags.DurationVar(&b.atMost, "at-most", time.Hour, "stop writing after so long, with what there is then")
	flags.BoolVar(&b.cold, "cold", false, "have the kernel forget the files' pages before each question")
	asked := flags.Bool("ask", false, "only ask a history that an earlier run left in -dir")
	flags.Parse(args)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx, *asked); err != nil {
		fatal(err)
	}
}

// historyBench is one run. Everything about a flow follows from its number, so
// that the answers can be checked without having kept anything.
type historyBench struct {
	flows, day uint64
	dir        string
	atMost     time.Duration
	cold       bool
}

// historyBegin is when the day begins.
const historyBegin = monitor.Time(1767225600 * 1e9) // 2026-01-01

const (
	outsideAddrs = 16
	insideHosts  = 20_000
)

func (b *historyBench) run(ctx context.Context, askOnly bool) error {
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "natlens-history")
		if err != nil {
			return err
		}
		b.dir = dir
		defer os.RemoveAll(dir)
	}
	if !askOnly {
		if err := b.build(ctx); err != nil {
			return err
		}
	}
	return b.ask(ctx)
}

// mix is splitmix64: the random numbers of a flow.
func mix(n, salt uint64) uint64 {
	z := n*0x9e3779b97f4a7c15 + salt*0xd1b54a32d192ed03
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// start is when flow n begins.
func (b *historyBench) start(n uint64) monitor.Time {
	return historyBegin + monitor.Time(float64(n)*86400e9/float64(b.day))
}

// life is how long flow n lives: most half a minute to three, one in fifty up to
// four hours.
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

// flow is the n-th flow: TCP or UDP, through SNAT to one of a few addresses.
func (b *historyBench) flow(n uint64) (f monitor.Flow) {
	proto := monitor.TCP
	if mix(n, 3)%3 == 0 {
		proto = monitor.UDP
	}
	inside, outside, dst := v4(0x0a000000+mix(n, 4)%insideHosts), v4(0xc6120000+n%outsideAddrs), v4(0x08000000+mix(n, 5)%0x10000000)
	port := uint16(1024 + n/outsideAddrs%64512)
	f.Orig = monitor.Tuple{Src: inside, SrcPort: uint16(1024 + mix(n, 6)%64512), Dst: dst, DstPort: 443, Proto: proto, Family: monitor.IPv4}
	f.Reply = monitor.Tuple{Src: dst, SrcPort: 443, Dst: outside, DstPort: port, Proto: proto, Family: monitor.IPv4}
	f.Status = monitor.SrcNAT | monitor.SeenReply | monitor.Assured | monitor.Confirmed
	f.ID = uint32(mix(n, 7))
	return f
}

// build writes the flows as fast as the writer takes them.
func (b *historyBench) build(ctx context.Context) error {
	w, err := history.NewWriter(history.Config{Dir: b.dir, Fault: func(err error) { fmt.Println("fault:", err) }})
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Printf("writing %d translations, %d a day\n%12s %10s %12s %9s\n", b.flows, b.day, "rows", "open", "rows/s", "GiB")
	const step = monitor.Time(1e9)
	var (
		batch   monitor.Batch
		ends    = map[monitor.Time][]uint64{} // flows that end within a second
		begun   uint64
		began   = time.Now()
		used    = cpuOf(os.Getpid())
		told    = began
		rows    uint64
		written = func() error {
			if len(batch.Events) == 0 {
				return nil
			}
			err := w.Write(&batch)
			batch.Reset()
			return err
		}
	)
	for now := historyBegin; rows < b.flows && ctx.Err() == nil && time.Since(began) < b.atMost; now += step {
		for ; b.start(begun) < now+step; begun++ {
			e := batch.Add()
			e.Kind, e.Time, e.Gen, e.Flow = monitor.KindNew, b.start(begun), begun+1, b.flow(begun)
			e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
			at := (b.start(begun) + b.life(begun)) / step * step
			ends[at] = append(ends[at], begun)
			if len(batch.Events) == monitor.BatchSize {
				if err := written(); err != nil {
					return err
				}
			}
		}
		for _, n := range ends[now] {
			e := batch.Add()
			e.Kind, e.Time, e.Gen, e.Flow = monitor.KindDestroy, b.start(n)+b.life(n), n+1, b.flow(n)
			e.Flow.CountersOrig = monitor.Counters{Packets: mix(n, 8) % 100, Bytes: mix(n, 9) % 100_000}
			e.Flow.CountersReply = monitor.Counters{Packets: mix(n, 10) % 1000, Bytes: mix(n, 11) % 1_000_000}
			e.Flow.State = monitor.TCPTimeWait
			e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID | monitor.AttrState | monitor.AttrCountersOrig | monitor.AttrCountersReply
			if len(batch.Events) == monitor.BatchSize {
				if err := written(); err != nil {
					return err
				}
			}
		}
		delete(ends, now)
		if err := written(); err != nil {
			return err
		}
		if d := time.Since(told); d >= 10*time.Second {
			st := w.Stats()
			fmt.Printf("%12d %10d %12.0f %9.2f\n", st.Rows, st.Open, float64(st.Rows-rows)/d.Seconds(), float64(st.Bytes)/(1<<30))
			rows, told = st.Rows, time.Now()
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
	fmt.Printf("%d rows and %d open in %s: %.0f rows/s, %.1f µs of CPU and %.1f bytes a row\n", st.Rows, st.Open, took.Round(time.Second),
		float64(st.Rows)/took.Seconds(), float64(used.Nanoseconds())/1000/float64(st.Rows), float64(st.Bytes)/float64(st.Rows))
	return nil
}

// ask times questions, each with a reader of its own, and checks the answers.
func (b *historyBench) ask(ctx context.Context) error {
	r, err := history.Open(b.dir)
	if err != nil {
		return err
	}
	last, err := b.lastFlow(ctx, r)
	if err != nil {
		return err
	}
	fmt.Printf("%-44s %6s %10s %10s %10s %10s %10s\n", "question", "asked", "answers", "median ms", "95% ms", "worst ms", "CPU ms")
	for _, q := range []struct {
		name  string
		times int
		query func(n uint64) translation.Query
	}{
		{"who held ip:port at a moment", 200, func(n uint64) translation.Query {
			at := b.start(n) + b.life(n)/2
			return translation.Query{Outside: outsideOf(b.flow(n)), Proto: b.flow(n).Orig.Proto, Since: at, Until: at}
		}},
		{"what did a host hold at a moment", 200, func(n uint64) translation.Query {
			at := b.start(n) + b.life(n)/2
			return translation.Query{Inside: translation.End{Addr: b.flow(n).Orig.Src}, Since: at, Until: at}
		}},
		{"who held ip:port, ever", 20, func(n uint64) translation.Query {
			return translation.Query{Outside: outsideOf(b.flow(n)), Proto: b.flow(n).Orig.Proto}
		}},
		{"what did a host hold, ever", 10, func(n uint64) translation.Query {
			return translation.Query{Inside: translation.End{Addr: b.flow(n).Orig.Src}}
		}},
	} {
		var took []time.Duration
		answers := 0
		used := cpuOf(os.Getpid())
		for i := range q.times {
			n := mix(uint64(i), 99) % last
			if b.cold {
				if err := b.forget(); err != nil {
					return err
				}
			}
			began := time.Now()
			found, err := b.find(ctx, q.query(n), n, &answers)
			if err != nil {
				return err
			}
			took = append(took, time.Since(began))
			if !found {
				return fmt.Errorf("%s: flow %d was not among the answers", q.name, n)
			}
		}
		used = (cpuOf(os.Getpid()) - used) / time.Duration(q.times)
		slices.Sort(took)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		fmt.Printf("%-44s %6d %10.1f %10.2f %10.2f %10.2f %10.2f\n", q.name, len(took), float64(answers)/float64(len(took)),
			ms(took[len(took)/2]), ms(took[len(took)*95/100]), ms(took[len(took)-1]), ms(used))
	}
	return nil
}

// forget has the kernel forget what it holds in memory of the history's files.
func (b *historyBench) forget() error {
	names, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := os.Open(filepath.Join(b.dir, name.Name()))
		if err != nil {
			return err
		}
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func outsideOf(f monitor.Flow) translation.End {
	return translation.End{Addr: f.Reply.Dst, Port: f.Reply.DstPort, HasPort: true}
}

// find asks, and tells whether flow n is among the answers.
func (b *historyBench) find(ctx context.Context, q translation.Query, n uint64, answers *int) (found bool, err error) {
	r, err := history.Open(b.dir)
	if err != nil {
		return false, err
	}
	want := b.flow(n)
	res, err := r.Find(ctx, q, func(a *translation.Answer) error {
		*answers++
		found = found || a.From == want.From() && a.Start == b.start(n)
		return nil
	})
	if err == nil && len(res.Faults) > 0 {
		err = res.Faults[0]
	}
	return found, err
}

// lastFlow is a flow of the history's end: later ones were not written.
func (b *historyBench) lastFlow(ctx context.Context, r *history.Reader) (uint64, error) {
	n := uint64(1) << 40
	for lo := uint64(0); lo < n; {
		mid := (lo + n) / 2
		q := translation.Query{Outside: outsideOf(b.flow(mid)), Since: b.start(mid) + b.life(mid)/2, Until: b.start(mid) + b.life(mid)/2}
		found := false
		_, err := r.Find(ctx, q, func(a *translation.Answer) error {
			found = found || a.Start == b.start(mid)
			return nil
		})
		if err != nil {
			return 0, err
		}
		if found {
			lo = mid + 1
		} else {
			n = mid
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("%s: no flow of this bench; the same -day as when it was written?", b.dir)
	}
	return n, nil
}
