package table

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"natlens/monitor"
)

// filled returns a table of n flows with mixed values, some of them equal.
func filled(n int) *Table {
	t := New(Config{Linger: 5e9, Rates: true})
	rnd := rand.New(rand.NewPCG(1, 2))
	var b monitor.Batch
	for i := range n {
		e := b.Add()
		e.Kind, e.Time = monitor.KindNew, monitor.Time(i+1)*1e6
		e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrTimeout | monitor.AttrCountersOrig
		f := &e.Flow
		f.Orig = monitor.Tuple{
			Src:     monitor.AddrFrom4([4]byte{10, 0, byte(i >> 16), byte(i >> 8)}),
			Dst:     monitor.AddrFrom4([4]byte{192, 0, 2, byte(rnd.IntN(20))}),
			SrcPort: uint16(i),
			DstPort: 443,
			Proto:   monitor.TCP,
			Family:  monitor.IPv4,
		}
		f.Reply = monitor.Tuple{
			Src:     f.Orig.Dst,
			Dst:     monitor.AddrFrom4([4]byte{203, 0, 113, 1}),
			SrcPort: 443,
			DstPort: uint16(i),
			Proto:   monitor.TCP,
			Family:  monitor.IPv4,
		}
		f.Timeout = uint32(rnd.IntN(100))
		f.CountersOrig.Bytes = uint64(rnd.IntN(1000))
		if len(b.Events) == monitor.BatchSize {
			t.Apply(&b)
			b.Reset()
		}
	}
	t.Apply(&b)
	b.Reset()
	t.Scan(func(_ uint32, r *Row, _ *monitor.Extra) bool {
		e := b.Add()
		e.Kind, e.Time, e.Has, e.Flow.Orig = monitor.KindExisting, r.Last+1e9, counters, r.Flow.Orig
		e.Flow.CountersOrig.Bytes = r.Flow.CountersOrig.Bytes + uint64(rnd.IntN(1000))
		e.Flow.CountersReply.Bytes = uint64(rnd.IntN(1000))
		return true
	})
	for i := range b.Events {
		e := &b.Events[i]
		row, gen, _ := t.Lookup(e.Flow.Orig)
		t.Refresh(row, gen, e)
	}
	return t
}

// sortedRows is what a view must be a part of: everything, sorted.
func sortedRows(t *Table, q *Query) []ViewRow {
	var all []ViewRow
	t.Scan(func(i uint32, r *Row, x *monitor.Extra) bool {
		if q.Filter != nil {
			var e monitor.Event
			r.Event(i, x, q.Now, &e)
			if !q.Filter.Match(&e) {
				return true
			}
		}
		all = append(all, ViewRow{*r, i, q.Place(r)})
		return true
	})
	slices.SortFunc(all, func(a, b ViewRow) int { return a.Place.Compare(&b.Place) })
	return all
}

func oddPort(e *monitor.Event) bool { return e.Flow.Orig.SrcPort%2 == 1 }

// A view is the window of the sorted table around its place, for every order,
// both ways, at the beginning, in the midst and at the end.
func TestViewIsAWindow(t *testing.T) {
	table := filled(3000)
	odd, steady := &CachedFilter{Match: oddPort}, &CachedFilter{Match: oddPort, Steady: true}
	for by := ByArrival; by <= ByDown; by++ {
		for _, descending := range []bool{false, true} {
			for _, j := range []*CachedFilter{nil, odd, steady} {
				q := Query{By: by, Descending: descending, Filter: j, Above: 40, Below: 60, Window: Over10s}
				all := sortedRows(table, &q)
				for _, at := range []int{0, 1, 39, 40, 41, len(all) / 2, len(all) - 1} {
					q.At = all[at].Place
					if at == 0 {
						q.At = Place{}
					}
					check(t, table, &q, all, at)
				}
				q.End = true
				check(t, table, &q, all, len(all))
			}
		}
	}
}

// scattered is a table of several chunks in which rows have been used again, with
// flows of every kind of place: IPv6, zones, marks, states, timestamps.
func scattered() *Table {
	const n = 3*chunkRows + 500
	t := filled(n)
	var b monitor.Batch
	t.Scan(func(row uint32, r *Row, _ *monitor.Extra) bool {
		if row/chunkRows == 1 && row%3 == 0 {
			e := b.Add()
			e.Kind, e.Time, e.Has, e.Flow.Orig = monitor.KindDestroy, monitor.Time(n+1)*1e6, monitor.AttrOrig, r.Flow.Orig
		}
		return true
	})
	t.Apply(&b)
	t.Expire(monitor.Time(n)*1e6 + 10e9)
	b.Reset()
	for i := range 900 {
		e := b.Add()
		e.Kind, e.Time, e.Has = monitor.KindNew, monitor.Time(
			n,
		)*1e6+20e9+monitor.Time(
			i,
		), monitor.AttrOrig|monitor.AttrReply|monitor.AttrStatus|monitor.AttrTimeout|monitor.AttrMark|monitor.AttrState|monitor.AttrStart
		f := &e.Flow
		f.Orig = monitor.Tuple{
			Src:     monitor.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}),
			SrcPort: uint16(i),
			DstPort: 53,
			Proto:   [...]monitor.Proto{monitor.TCP, monitor.UDP, monitor.ICMP}[i%3],
			Family:  monitor.IPv4,
		}
		if i%2 == 0 {
			f.Orig.Family, f.Orig.Src[0], f.Orig.Dst[0], f.Orig.Zone = monitor.IPv6, 0x20, 0x20, uint16(i%4)
		}
		if i%5 != 0 { // else at odds with its family
			f.Orig.Dst = monitor.AddrFrom4([4]byte{192, 0, 2, byte(i * 3)})
			if i%2 == 0 {
				f.Orig.Dst[0] = 0x20
			}
		}
		f.Reply = reversed(f.Orig)
		f.Reply.SrcPort, f.Reply.DstPort = uint16(i*7), uint16(i*11)
		f.Mark, f.State, f.Status, f.Start = uint32(
			i%5,
		), monitor.State(
			i%6,
		), []monitor.Status{0, monitor.SeenReply, monitor.SeenReply | monitor.Assured}[i%3], monitor.Time(
			1000+i*37%900,
		)*1e6
	}
	t.Apply(&b)
	return t
}

// Ends are in the order of address and port, IPv4 first.
func TestPlaceOfEnds(t *testing.T) {
	var places []Place
	for _, text := range []string{"0.0.0.0:1", "10.0.0.9:80", "10.0.0.10:79", "10.0.0.10:443", "192.0.2.1:0", "255.255.255.255:65535",
		"[::]:0", "[::]:65535", "[::1]:0", "[::2]:0", "[::2]:1", "[::8000:0:0:0]:0", "[0:0:0:1::]:0",
		"[2001:db8::1]:65535", "[2001:db8::2]:1", "[2001:db8:0:1::]:0", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"} {
		at := netip.MustParseAddrPort(text)
		p := Place{Gen: 1}
		p.endpoint(monitor.Endpoint{Addr: monitor.Addr(at.Addr().As16()), Port: at.Port()})
		places = append(places, p)
	}
	for i := range places[1:] {
		if !places[i].Before(&places[i+1]) {
			t.Errorf("the place of the %dth end, %v, is not before that of the next, %v", i, places[i], places[i+1])
		}
	}
}

// The rows of several chunks are found wherever the scan begins.
func TestViewOfManyChunks(t *testing.T) {
	table := scattered()
	const here = 1<<32 - 1
	near := []uint32{here, 0, 2 * chunkRows, 1 << 30}
	if testing.Short() {
		near = near[:1]
	}
	odd, steady := &CachedFilter{Match: oddPort}, &CachedFilter{Match: oddPort, Steady: true}
	for by := ByArrival; by <= ByDown; by++ {
		for _, j := range []*CachedFilter{nil, odd, steady} {
			q := Query{By: by, Descending: by%2 == 0, Filter: j, Above: 40, Below: 60, Window: Over10s}
			all := sortedRows(table, &q)
			for _, at := range []int{0, 1, len(all) / 3, len(all) - 1} {
				q.At = all[at].Place
				for _, q.Near = range near {
					if q.Near == here {
						q.Near = all[at].Index
					}
					check(t, table, &q, all, at)
				}
			}
			q.End = true
			check(t, table, &q, all, len(all))
		}
	}
}

func check(t *testing.T, table *Table, q *Query, all []ViewRow, at int) {
	t.Helper()
	v := table.View(*q)
	from, to := max(0, at-q.Above), min(len(all), at+q.Below)
	if q.End {
		to = len(all)
	}
	if v.Before != from || v.At != at-from || v.Matched != len(all) || v.Live != len(all) || v.Flows != table.Len() {
		t.Fatalf("order %d at %d: Before %d, At %d, Matched %d, Live %d, Flows %d; want %d, %d, %d",
			q.By, at, v.Before, v.At, v.Matched, v.Live, v.Flows, from, at-from, len(all))
	}
	if !slices.Equal(v.Rows, all[from:to]) {
		t.Fatalf("order %d (descending %v) at %d: the rows are not the window of the sorted table", q.By, q.Descending, at)
	}
}

// A place stays good when its flow is gone: the view stays where it was.
func TestViewPlaceOutlivesItsRow(t *testing.T) {
	table := filled(100)
	q := Query{By: ByArrival, Below: 3, Above: 2}
	all := sortedRows(table, &q)
	q.At = all[50].Place
	var b monitor.Batch
	e := b.Add()
	e.Kind, e.Time, e.Flow.Orig, e.Has = monitor.KindDestroy, monitor.Time(101)*1e6, all[50].Flow.Orig, monitor.AttrOrig
	table.Apply(&b)
	if v := table.View(q); v.Rows[v.At].Gen != all[50].Gen || !v.Rows[v.At].Ended() || v.Live != 99 || v.Matched != 100 {
		t.Errorf("while it lingers: at %d live %d matched %d", v.Rows[v.At].Gen, v.Live, v.Matched)
	}
	table.Expire(monitor.Time(200) * 1e9)
	if v := table.View(q); v.Rows[v.At].Gen != all[51].Gen || v.Before != 48 {
		t.Errorf("when it is gone: at %d, before %d", v.Rows[v.At].Gen, v.Before)
	}
}

func TestViewEmpty(t *testing.T) {
	if v := New(Config{}).View(Query{Above: 10, Below: 10}); len(v.Rows) != 0 || v.At != 0 {
		t.Errorf("empty table: %+v", v)
	}
}

func BenchmarkView(b *testing.B) {
	table := filled(400_000)
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"newest", Query{By: ByArrival, Descending: true, Below: 150}},
		{"bytes", Query{By: ByBytes, Descending: true, Below: 150, Above: 100, At: Place{Hi: ^uint64(500)}}},
		{"rate", Query{By: ByRate, Descending: true, Below: 150}},
		{"source", Query{By: BySource, Below: 150}},
		{"delivered", Query{By: ByDelivered, Descending: true, Below: 150}},
		{"filter", Query{By: BySource, Below: 150, Filter: &CachedFilter{Match: oddPort}}},
		{"steady", Query{By: BySource, Below: 150, Filter: &CachedFilter{Match: oddPort, Steady: true}}},
		{"newest/filter", Query{By: ByArrival, Descending: true, Below: 150, Filter: &CachedFilter{Match: oddPort}}},
		{"newest/steady", Query{By: ByArrival, Descending: true, Below: 150, Filter: &CachedFilter{Match: oddPort, Steady: true}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				table.View(c.q)
			}
		})
	}
}
