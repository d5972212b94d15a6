//go:build unix

package history

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
)

var perDay = flag.Uint64("day", 200_000_000, "BenchmarkDay: translations a day, which sets their times")

const (
	dayBegin     = monitor.Time(1767225600 * 1e9) // 2026-01-01
	outsideAddrs = 16
	insideHosts  = 20_000
)

// mix is splitmix64: the random numbers of a flow. Everything about a flow follows from its
// number, so that answers can be checked without a record of the flows.
func mix(n, salt uint64) uint64 {
	z := n*0x9e3779b97f4a7c15 + salt*0xd1b54a32d192ed03
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// startOf is the time of flow n's first packet.
func startOf(n uint64) monitor.Time {
	return dayBegin + monitor.Time(float64(n)*86400e9/float64(*perDay))
}

// lifeOf is the lifetime of flow n: mostly 30 s to 3 minutes, for one in fifty up to four
// hours.
func lifeOf(n uint64) monitor.Time {
	r := mix(n, 1)
	if r%50 == 0 {
		return monitor.Time(mix(n, 2) % uint64(4*3600e9))
	}
	return 30e9 + monitor.Time(mix(n, 2)%uint64(150e9))
}

func ipv4(n uint64) monitor.Addr {
	return monitor.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// flowOf is flow n: TCP or UDP, its source translated to one of a few addresses.
func flowOf(n uint64) (f monitor.Flow) {
	proto := monitor.TCP
	if mix(n, 3)%3 == 0 {
		proto = monitor.UDP
	}
	inside, outside := ipv4(0x0a000000+mix(n, 4)%insideHosts), ipv4(0xc6120000+n%outsideAddrs)
	dst := ipv4(0x08000000 + mix(n, 5)%0x10000000)
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

// BenchmarkDay writes b.N translations of a busy gateway at full speed, and then queries them,
// each time with a new reader. The answers are checked.
func BenchmarkDay(b *testing.B) {
	dir, flows := b.TempDir(), uint64(b.N)
	used := cpuTime()
	w, err := NewWriter(Config{Dir: dir, Note: func(text string) { b.Log(text) }})
	if err == nil {
		err = writeDay(w, flows)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	st := w.Stats()
	b.ReportMetric(float64(st.Rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(cpuTime()-used)/1e3/float64(flows), "CPU-µs/row")
	b.ReportMetric(float64(st.Bytes)/float64(st.Rows), "B/row")
	for _, q := range []struct {
		name   string
		inside bool // by the inside host, otherwise by the outside address and port
		timed  bool
	}{
		{"outside-at-a-time", false, true}, {"inside-at-a-time", true, true},
		{"outside-ever", false, false}, {"inside-ever", true, false},
	} {
		var took []float64 // ms
		for i := range uint64(100) {
			n := mix(i, 99) % flows
			f := flowOf(n)
			query := translation.Query{Proto: f.Reply.Proto,
				Outside: translation.End{Addr: f.Reply.Dst, Port: f.Reply.DstPort, HasPort: true}}
			if q.inside {
				query = translation.Query{Inside: translation.End{Addr: f.Orig.Src}}
			}
			if q.timed {
				query.Since = startOf(n) + lifeOf(n)/2
				query.Until = query.Since
			}
			began := time.Now()
			if err := findFlow(b.Context(), dir, query, n); err != nil {
				b.Fatalf("%s: %v", q.name, err)
			}
			took = append(took, time.Since(began).Seconds()*1e3)
		}
		slices.Sort(took)
		b.ReportMetric(took[50], q.name+"-median-ms")
		b.ReportMetric(took[95], q.name+"-95%-ms")
	}
}

// writeDay writes the flows and closes the writer.
func writeDay(w *Writer, flows uint64) (err error) {
	const step = monitor.Time(1e9)
	var (
		batch       monitor.Batch
		ends        = map[monitor.Time][]uint64{} // flows that end within a second
		next, ended uint64
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
		e.Kind, e.Time, e.Gen, e.Flow = kind, at, n+1, flowOf(n)
		e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
		return e
	}
	for now := dayBegin; ended < flows; now += step {
		for ; startOf(next) < now+step; next++ {
			add(monitor.KindNew, next, startOf(next))
			end := (startOf(next) + lifeOf(next)) / step * step
			ends[end] = append(ends[end], next)
		}
		for _, n := range ends[now] {
			e := add(monitor.KindDestroy, n, startOf(n)+lifeOf(n))
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
	return w.Close()
}

// findFlow runs a query. Flow n must be among the answers.
func findFlow(ctx context.Context, dir string, q translation.Query, n uint64) error {
	r, err := Open(dir)
	if err != nil {
		return err
	}
	flow, found := flowOf(n), false
	res, err := r.Find(ctx, q, func(a *translation.Answer) error {
		found = found || a.From == flow.From() && a.Start == startOf(n)
		return nil
	})
	if err == nil && len(res.Faults) > 0 {
		err = res.Faults[0]
	}
	if err == nil && !found {
		err = fmt.Errorf("flow %d is not among the answers", n)
	}
	return err
}

// cpuTime is the CPU time of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
