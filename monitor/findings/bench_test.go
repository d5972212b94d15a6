//go:build linux

package findings

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// manySources is a batch of new flows of n inside hosts.
func manySources(n int, batch *monitor.Batch) {
	rnd := rand.New(rand.NewPCG(1, 2))
	batch.Reset()
	for range monitor.BatchSize {
		e := batch.Add()
		e.Kind = monitor.KindNew
		o := &e.Flow.Orig
		o.Src, o.Dst = monitor.AddrFrom4([4]byte{10}), monitor.AddrFrom4([4]byte{203, 0, 113, byte(rnd.Uint32())})
		host := uint32(rnd.IntN(n))
		o.Src[13], o.Src[14], o.Src[15] = byte(host>>16), byte(host>>8), byte(host)
		o.DstPort, o.Proto, o.Family = uint16(rnd.Uint32()), monitor.TCP, monitor.IPv4
	}
}

// BenchmarkObserve is what the engine adds to an event: the kernel sends about
// as many UPDATEs and DESTROYs as NEWs, which cost next to nothing here.
func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct {
		name           string
		hosts, batches int
	}{{"100 hosts", 100, 1}, {"1,000,000 hosts", 1 << 20, 64}, {"1 host, 300,000 ports", 1, 600}} {
		b.Run(c.name, func(b *testing.B) {
			batches := make([]monitor.Batch, c.batches)
			for i := range batches {
				if c.hosts == 1 {
					oneSource(i*monitor.BatchSize, &batches[i])
				} else {
					manySources(c.hosts, &batches[i])
				}
			}
			e := New(Config{Thresholds: DefaultThresholds()})
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			b.ReportAllocs()
			began := threadTime(b)
			for i := 0; b.Loop(); i++ {
				e.Observe(&batches[i%len(batches)])
			}
			b.ReportMetric(float64((threadTime(b)-began).Nanoseconds())/float64(b.N)/monitor.BatchSize, "ns-CPU/event")
		})
	}
}

// BenchmarkTick is a tick with a table of a million flows to 65,536 destinations behind
// one address: ms-CPU/s is the CPU time of the ticks of a second, and µs-worst that of
// the longest one.
func BenchmarkTick(b *testing.B) {
	const flows = 1 << 20
	table := table.New(table.Config{})
	var batch monitor.Batch
	for i := range uint32(flows) {
		e := batch.Add()
		e.Kind, e.Time = monitor.KindNew, monitor.Time(1e18)
		e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrState | monitor.AttrTimeout
		o, r := &e.Flow.Orig, &e.Flow.Reply
		o.Src, o.Dst = monitor.AddrFrom4([4]byte{10, 1, 0, byte(i >> 16)}), monitor.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
		o.SrcPort, o.DstPort, o.Proto, o.Family = uint16(1024+i>>16), 443, monitor.TCP, monitor.IPv4
		*r = *o
		r.Src, r.Dst, r.SrcPort, r.DstPort = o.Dst, monitor.AddrFrom4([4]byte{198, 51, 100, 1}), o.DstPort, o.SrcPort
		e.Flow.Status, e.Flow.State = monitor.SrcNAT|monitor.SeenReply|monitor.Assured, monitor.TCPEstablished
		if len(batch.Events) == monitor.BatchSize {
			table.Apply(&batch)
			batch.Reset()
		}
	}
	e := New(Config{Table: table, Thresholds: DefaultThresholds(), TCPTimeouts: func(monitor.NetNS) monitor.TCPTimeouts { return monitor.TCPTimeouts{Established: 5 * 24 * 3600} }})
	now := monitor.Time(1e18)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, worst time.Duration
	ticks := 0
	b.ReportAllocs()
	for b.Loop() {
		now += monitor.Time(loop.TickEvery)
		began := threadTime(b)
		e.Tick(now)
		took := threadTime(b) - began
		all += took
		worst = max(worst, took)
		ticks++
	}
	b.ReportMetric(float64(worst.Microseconds()), "µs-worst")
	b.ReportMetric(float64(all.Microseconds())/float64(ticks)*float64(time.Second/loop.TickEvery)/1000, "ms-CPU/s")
}

// threadTime is the CPU time of this thread.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// oneSource is a batch of new flows of one inside host, each to another port.
func oneSource(from int, batch *monitor.Batch) {
	batch.Reset()
	for i := range monitor.BatchSize {
		e := batch.Add()
		e.Kind = monitor.KindNew
		o := &e.Flow.Orig
		o.Src, o.Dst = monitor.AddrFrom4([4]byte{10, 0, 0, 1}), monitor.AddrFrom4([4]byte{203, 0, byte((from + i) >> 16), 9})
		o.DstPort, o.Proto, o.Family = uint16(from+i), monitor.UDP, monitor.IPv4
	}
}

// BenchmarkGateway is what the engine costs an event at 100,000 new flows a second, of
// 300,000 hosts with SNAT and with a port of one destination each.
func BenchmarkGateway(b *testing.B) {
	const flows, rate = 300_000, 100_000
	var applying, observing, ticking time.Duration
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		flowTable := table.New(table.Config{})
		e := New(Config{Table: flowTable, Thresholds: DefaultThresholds()})
		now := monitor.Time(1e18)
		var batch monitor.Batch
		for i := range flows {
			ev := batch.Add()
			ev.Kind, ev.Time = monitor.KindNew, now
			ev.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrTimeout | monitor.AttrID
			o, r := &ev.Flow.Orig, &ev.Flow.Reply
			o.Src, o.Dst = monitor.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), monitor.AddrFrom4([4]byte{203, 0, 113, byte(i >> 16)})
			o.SrcPort, o.DstPort, o.Proto, o.Family = 1024, uint16(i), monitor.UDP, monitor.IPv4
			*r = *o
			r.Src, r.Dst, r.SrcPort, r.DstPort = o.Dst, monitor.AddrFrom4([4]byte{198, 51, 100, 1}), o.DstPort, o.SrcPort
			ev.Flow.Status, ev.Flow.ID = monitor.SrcNAT|monitor.Confirmed, uint32(i)
			if len(batch.Events) == monitor.BatchSize {
				t0 := threadTime(b)
				flowTable.Apply(&batch)
				t1 := threadTime(b)
				e.Observe(&batch)
				observing += threadTime(b) - t1
				applying += t1 - t0
				batch.Reset()
			}
			if i%(rate/10) == 0 {
				now += monitor.Time(loop.TickEvery)
				t0 := threadTime(b)
				e.Tick(now)
				ticking += threadTime(b) - t0
			}
		}
	}
	n := float64(b.N) * flows
	b.ReportMetric(float64(applying.Nanoseconds())/n, "ns-table/event")
	b.ReportMetric(float64(observing.Nanoseconds())/n, "ns-observe/event")
	b.ReportMetric(float64(ticking.Nanoseconds())/n, "ns-tick/event")
}
