// Package translationtest makes events for tests of translations.
package translationtest

import (
	"net/netip"

	"natlens/monitor"
)

// Second is a second of monitor.Time.
const Second = monitor.Time(1e9)

// Begin is when the captures of tests begin: 2025-11-22T08:26:40Z.
const Begin = monitor.Time(1763800000 * 1e9)

// At returns the time some seconds after Begin.
func At(seconds int) monitor.Time { return Begin + monitor.Time(seconds)*Second }

// Endpoint reads ADDR:PORT.
func Endpoint(text string) monitor.Endpoint {
	ap := netip.MustParseAddrPort(text)
	return monitor.Endpoint{Addr: monitor.AddrFrom(ap.Addr()), Port: ap.Port()}
}

// Flow returns a TCP flow from → to that the far side sees come from as, and
// that is delivered to at.
func Flow(from, to, as, at string) monitor.Flow {
	f, t, a, d := Endpoint(from), Endpoint(to), Endpoint(as), Endpoint(at)
	flow := monitor.Flow{
		Orig:  monitor.Tuple{Src: f.Addr, SrcPort: f.Port, Dst: t.Addr, DstPort: t.Port, Proto: monitor.TCP},
		Reply: monitor.Tuple{Src: d.Addr, SrcPort: d.Port, Dst: a.Addr, DstPort: a.Port, Proto: monitor.TCP},
	}
	flow.Orig.Family, flow.Reply.Family = f.Addr.Family(), f.Addr.Family()
	if f != a {
		flow.Status |= monitor.SrcNAT
	}
	if t != d {
		flow.Status |= monitor.DstNAT
	}
	return flow
}

// SNAT returns a flow through source NAT.
func SNAT(from, as, to string) monitor.Flow { return Flow(from, to, as, to) }

// Client returns the flow of a client through SNAT with the same port inside and
// outside, which no other client has.
func Client(port int) monitor.Flow {
	flow := SNAT("10.0.0.1:1", "203.0.113.7:1", "198.51.100.9:443")
	flow.Orig.SrcPort, flow.Reply.DstPort = uint16(port), uint16(port)
	return flow
}

// In returns the flow in a network namespace.
func In(n monitor.NetNS, flow monitor.Flow) monitor.Flow {
	flow.Orig.NetNS, flow.Reply.NetNS = n, n
	return flow
}

// Feed makes batches.
type Feed struct{ Batch monitor.Batch }

// Add adds an event of a flow. gen is its Event.Gen.
func (f *Feed) Add(kind monitor.Kind, at monitor.Time, gen uint64, flow monitor.Flow) *monitor.Event {
	e := f.Batch.Add()
	e.Kind, e.Time, e.Gen, e.Flow = kind, at, gen, flow
	e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
	return e
}

// Life adds the NEW and the DESTROY of a flow.
func (f *Feed) Life(from, to monitor.Time, gen uint64, flow monitor.Flow) {
	f.Add(monitor.KindNew, from, gen, flow)
	f.Add(monitor.KindDestroy, to, gen, flow)
}

// Lost adds a loss of count events between from and to.
func (f *Feed) Lost(from, to monitor.Time, count uint64) *monitor.Event {
	e := f.Batch.Add()
	e.Kind, e.Time, e.Gap = monitor.KindLost, to, &monitor.Gap{From: from, To: to, Count: count}
	return e
}

// Take returns the batch and begins the next.
func (f *Feed) Take() *monitor.Batch {
	b := f.Batch
	f.Batch = monitor.Batch{}
	return &b
}
