package findings

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"natlens/monitor"
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
	}{{"100 hosts", 100, 1}, {"1,000,000 hosts", 1 << 20, 64}} {
		b.Run(c.name, func(b *testing.B) {
			batches := make([]monitor.Batch, c.batches)
			for i := range batches {
				manySources(c.hosts, &batches[i])
			}
			e := New(Config{Limits: DefaultLimits()})
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				e.Observe(&batches[i%len(batches)])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/monitor.BatchSize, "ns/event")
		})
	}
}

// BenchmarkTick is one step of a look at a table of n flows, and the whole look
// as ms/look.
func BenchmarkTick(b *testing.B) {
	const flows = 200_000
	table := monitor.NewTable(monitor.TableConfig{})
	var batch monitor.Batch
	for i := range uint32(flows) {
		e := batch.Add()
		e.Kind, e.Time = monitor.KindNew, monitor.Time(1e18)
		e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrState | monitor.AttrTimeout
		o, r := &e.Flow.Orig, &e.Flow.Reply
		o.Src, o.Dst = monitor.AddrFrom4([4]byte{10, 1, byte(i), 1}), monitor.AddrFrom4([4]byte{203, 0, 113, 9})
		binary.BigEndian.PutUint16(o.Src[14:], uint16(i>>8))
		o.SrcPort, o.DstPort, o.Proto, o.Family = uint16(i), 443, monitor.TCP, monitor.IPv4
		*r = *o
		r.Src, r.Dst, r.SrcPort, r.DstPort = o.Dst, monitor.AddrFrom4([4]byte{203, 0, 113, 1}), o.DstPort, o.SrcPort
		e.Flow.Status, e.Flow.State = monitor.SrcNAT|monitor.SeenReply|monitor.Assured, monitor.TCPEstablished
		if len(batch.Events) == monitor.BatchSize || i == flows-1 {
			table.Apply(&batch)
			batch.Reset()
		}
	}
	e := New(Config{Table: table, Limits: DefaultLimits(), EstablishedTimeout: func() time.Duration { return 5 * 24 * time.Hour }})
	now := monitor.Time(1e18)
	b.ReportAllocs()
	var worst time.Duration
	for b.Loop() {
		now += monitor.Time(monitor.TickEvery)
		began := time.Now()
		e.Tick(now)
		worst = max(worst, time.Since(began))
	}
	b.ReportMetric(float64(worst.Microseconds()), "µs-worst")
	b.ReportMetric(float64(e.Stats().Took.Microseconds())/1000, "ms/look")
}
