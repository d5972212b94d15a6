package history

import (
	"net/netip"
	"testing"

	"natlens/monitor"
)

// second is a second of monitor.Time.
const second = monitor.Time(1e9)

// at0 is when the tests' captures begin.
const at0 = monitor.Time(1763800000 * 1e9)

func endpoint(text string) monitor.Endpoint {
	ap := netip.MustParseAddrPort(text)
	return monitor.Endpoint{Addr: monitor.AddrFrom(ap.Addr()), Port: ap.Port()}
}

func end(text string) End {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return End{Addr: ap.Addr(), Port: ap.Port(), HasPort: true}
	}
	return End{Addr: netip.MustParseAddr(text)}
}

// flow is a TCP flow from → to, which the far side sees come from as, and which
// goes to at in truth.
func flow(from, to, as, at string) monitor.Flow {
	f, t, a, d := endpoint(from), endpoint(to), endpoint(as), endpoint(at)
	family := monitor.IPv6
	if f.Addr.Is4() {
		family = monitor.IPv4
	}
	fl := monitor.Flow{
		Orig:  monitor.Tuple{Src: f.Addr, SrcPort: f.Port, Dst: t.Addr, DstPort: t.Port, Proto: monitor.TCP, Family: family},
		Reply: monitor.Tuple{Src: d.Addr, SrcPort: d.Port, Dst: a.Addr, DstPort: a.Port, Proto: monitor.TCP, Family: family},
	}
	if f != a {
		fl.Status |= monitor.SrcNAT
	}
	if t != d {
		fl.Status |= monitor.DstNAT
	}
	return fl
}

// snat is a flow through source NAT.
func snat(from, as, to string) monitor.Flow { return flow(from, to, as, to) }

// feed makes batches.
type feed struct{ b monitor.Batch }

func (f *feed) add(kind monitor.Kind, at monitor.Time, gen uint64, fl monitor.Flow) *monitor.Event {
	e := f.b.Add()
	e.Kind, e.Time, e.Gen, e.Flow = kind, at, gen, fl
	e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
	return e
}

func (f *feed) lost(at, from, to monitor.Time, count uint64) *monitor.Event {
	e := f.b.Add()
	e.Kind, e.Time, e.Gap = monitor.KindLost, at, &monitor.Gap{From: from, To: to, Count: count}
	return e
}

// take gives the batch and begins the next.
func (f *feed) take() *monitor.Batch {
	b := f.b
	f.b = monitor.Batch{}
	return &b
}

func write(t testing.TB, w *Writer, f *feed) {
	t.Helper()
	if err := w.Write(f.take()); err != nil {
		t.Fatal(err)
	}
}

func syncUp(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
}

// ask returns the answers to a question.
func ask(t testing.TB, dir string, q Query) ([]Answer, Result) {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []Answer
	res, err := r.Find(t.Context(), q, func(a *Answer) error {
		got = append(got, *a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, res
}
