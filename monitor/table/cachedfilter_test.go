package table

import (
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"natlens/monitor"
)

// arbitrary is a filter whose verdict rests on everything that an event shows of
// a row, and with timed on the time too: whatever changes turns every second one.
func arbitrary(timed bool) monitor.Filter {
	type shown struct {
		kind       monitor.Kind
		has, past  monitor.Attrs
		gen        uint64
		row        uint32
		born, time monitor.Time
		flow       monitor.Flow
		blobs      string
	}
	seed := maphash.MakeSeed()
	return func(e *monitor.Event) bool {
		s := shown{kind: e.Kind, has: e.Has, past: e.Remembered, gen: e.Gen, row: e.Row, born: e.Born, flow: e.Flow}
		if e.Extra != nil {
			s.blobs = "+" + string(e.Extra.Helper) + string(e.Extra.Labels)
		}
		if timed {
			s.time = e.Time
		}
		return maphash.Comparable(seed, s)&1 == 1
	}
}

// story makes events and does things to a table, of every kind, at random.
type story struct {
	*rand.Rand
	table *Table
	now   monitor.Time
	rec   *Reconciliation
	read  int // chunks that rec has swept; -1: none is under way
}

// tuple is one of a few hundred, so that they are made again.
func (s *story) tuple() monitor.Tuple {
	t := monitor.Tuple{
		Src: monitor.AddrFrom4([4]byte{10, 0, 0, byte(s.IntN(3))}),
		Dst: monitor.AddrFrom4([4]byte{192, 0, 2, byte(s.IntN(2))}),
		SrcPort: uint16(
			s.IntN(12),
		),
		DstPort: 53,
		Proto:   [...]monitor.Proto{monitor.TCP, monitor.UDP}[s.IntN(2)],
		Family:  monitor.IPv4,
	}
	if s.IntN(4) == 0 {
		t.Family, t.Src[0], t.Dst[0] = monitor.IPv6, 0x20, 0x20
	}
	if s.IntN(8) == 0 {
		t.Zone = 3
	}
	return t
}

func (s *story) event() monitor.Event {
	e := message(monitor.Kind(s.IntN(4))+monitor.KindNew, s.now, s.tuple(), uint32(s.IntN(2)), nil)
	f := &e.Flow
	switch s.IntN(8) {
	case 0:
		f.Reply.Dst = monitor.AddrFrom4([4]byte{203, 0, 113, 1}) // of an IPv6 flow: tuples at odds
	case 1:
		e.Has &^= monitor.AttrReply
		f.Reply = monitor.Tuple{}
	}
	f.State, f.Status, f.Timeout, f.Mark = monitor.State(
		s.IntN(4),
	), monitor.Status(
		s.IntN(4),
	), uint32(
		s.IntN(3),
	), uint32(
		s.IntN(2),
	)
	f.CountersOrig.Bytes, f.CountersReply.Packets, f.Start, f.Use = s.Uint64N(
		2,
	), s.Uint64N(
		2,
	), monitor.Time(
		s.IntN(3),
	), uint32(
		s.IntN(3),
	)
	for _, a := range [...]monitor.Attrs{monitor.AttrState, monitor.AttrTimeout, monitor.AttrMark, monitor.AttrCountersOrig, monitor.AttrStart,
		monitor.AttrUse, monitor.AttrTCPFlagsOrig, monitor.AttrHelper, monitor.AttrLabels} {
		if s.IntN(2+6*s.IntN(2)) == 0 { // half of them in some events, few in others
			e.Has |= a
		}
	}
	if s.IntN(4) != 0 { // the usual event, which is merged without unpacking the row
		e.Has &^= monitor.AttrCountersOrig | monitor.AttrStart | monitor.AttrUse | monitor.AttrsInExtra
	}
	if e.Has&monitor.AttrsInExtra != 0 {
		e.Extra = &monitor.Extra{Helper: []byte{'a' + byte(s.IntN(2))}, Labels: []byte{byte(s.IntN(2))}}
	}
	return e
}

func (s *story) batch() *monitor.Batch {
	b := new(monitor.Batch)
	for range 1 + s.IntN(6) {
		b.Events = append(b.Events, s.event())
	}
	return b
}

// goOn does one thing.
func (s *story) goOn() {
	s.now += monitor.Time(s.IntN(2))
	switch s.IntN(12) {
	case 0:
		s.now += 3
		s.table.Expire(s.now)
	case 1, 2:
		e := s.event()
		if row, gen, ok := s.table.Lookup(e.Flow.Orig); ok {
			s.table.Refresh(row, gen, &e)
		}
	case 3:
		var local []netip.Addr
		for i := range byte(3) {
			if s.IntN(2) == 0 {
				local = append(local, netip.AddrFrom4([4]byte{10, 0, 0, i}))
			}
		}
		s.table.SetLocals(monitor.NewLocals(local))
	case 4, 5:
		s.resync()
	case 6:
		if s.IntN(20) == 0 {
			s.table.Clear()
		}
	default:
		s.table.Apply(s.batch())
	}
}

// resync begins a reconciliation, or does its next piece.
func (s *story) resync() {
	var out monitor.Batch
	switch {
	case s.read < 0:
		s.rec = s.table.Reconcile(DumpLoss, nil)
		s.read = 0
	case s.IntN(4) != 0:
		dump := s.batch()
		for i := range dump.Events {
			dump.Events[i].Kind = monitor.KindExisting
		}
		s.rec.Apply(dump, &out)
	default:
		for ; s.rec.Sweep(s.read, &out); s.read++ {
		}
		s.rec.End()
		s.read = -1
	}
}

// Whatever happens to a table, a view with cached results equals one that
// evaluates every row: with one filter, with alternating ones, and with one that
// depends on the time.
func TestJudgedViews(t *testing.T) {
	for seed := range uint64(10) {
		s := &story{Rand: rand.New(rand.NewPCG(seed, 7)), read: -1}
		s.table = New(Config{Linger: time.Duration(seed % 3 * 4), Life: seed%2 == 0})
		steps := 400
		if seed%5 == 0 { // the rows that the story is about lie in two chunks
			s.table, steps = filled(chunkRows-20), 20
		}
		filters := []*CachedFilter{{arbitrary(false), true}, {arbitrary(false), true}, {arbitrary(true), false}, nil}
		j := filters[0]
		for step := range steps {
			s.goOn()
			if s.IntN(10) == 0 {
				j = filters[s.IntN(len(filters))]
			}
			if s.IntN(3) != 0 {
				q := Query{
					Filter:     j,
					By:         Order(s.IntN(int(ByZone) + 1)),
					Descending: s.IntN(2) == 0,
					Now:        s.now,
					Above:      5,
					Below:      7,
				}
				compareView(t, s.table, q, s.IntN(50))
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

// compareView compares a view and a scan with the rows that match when all are
// evaluated.
func compareView(t *testing.T, table *Table, q Query, at int) {
	t.Helper()
	all := sortedRows(table, &q)
	want := View{Matched: len(all), Flows: table.Len(), At: min(at, q.Above)}
	if at < len(all) {
		q.At = all[at].Place
	} else {
		at, want.At = 0, 0
	}
	var rows []uint32
	for i := range all {
		r := &all[i]
		rows = append(rows, r.Index)
		if !r.Ended() {
			want.Live++
			want.Seen |= r.Known
		}
		want.Rate += r.Rates[q.Window].Total()
		want.Marked = want.Marked || r.Flow.Mark != 0
		want.Zoned = want.Zoned || r.Flow.Orig.Zone|r.Flow.Reply.Zone != 0
	}
	want.Before = max(0, at-q.Above)
	want.Rows = append([]ViewRow{}, all[want.Before:min(len(all), at+q.Below)]...)
	if got := table.View(q); !reflect.DeepEqual(got, want) {
		t.Errorf("filter %v, order %d\ngot  %v\nwant %v", q.Filter, q.By, got, want)
	}
	var scanned []uint32
	flows := table.ScanMatching(q.Filter, q.Now, func(row uint32, _ *Row, _ *monitor.Extra) { scanned = append(scanned, row) })
	slices.Sort(rows)
	if flows != want.Flows || !slices.Equal(scanned, rows) {
		t.Errorf("a scan of filter %v: %d flows, rows %v; want %d, %v", q.Filter, flows, scanned, want.Flows, rows)
	}
}

// A steady filter is evaluated for rows that have changed since its last scan, and
// for no others.
func TestJudgeIsAskedOnce(t *testing.T) {
	asked := 0
	count := func(e *monitor.Event) bool { asked++; return oddPort(e) }
	steady, other, timed := &CachedFilter{count, true}, &CachedFilter{count, true}, &CachedFilter{count, false}
	table := filled(2*chunkRows + 100)
	const all = 2*chunkRows + 100
	tuples := sortedRows(table, &Query{})[:3]
	change := func(k monitor.Kind) {
		for i := range tuples {
			apply(table, message(k, monitor.Time(all+1)*1e6, tuples[i].Flow.Orig, 1, nil))
		}
	}
	for _, c := range []struct {
		name string
		do   func()
		by   *CachedFilter
		want int
	}{
		{"the first scan", func() {}, steady, all},
		{"nothing has changed", func() {}, steady, 0},
		{"a view of all rows", func() { table.View(Query{}) }, steady, 0},
		{"three updates", func() { change(monitor.KindUpdate) }, steady, 3},
		{"three ends", func() { change(monitor.KindDestroy) }, steady, 3},
		{"three lingered long enough", func() { table.Expire(1 << 60) }, steady, 0},
		{"three new flows", func() { change(monitor.KindNew) }, steady, 3},
		{"another filter", func() {}, other, all},
		{"and the first again", func() {}, steady, all},
		{"a filter by time", func() {}, timed, all},
		{"and again", func() {}, timed, all},
	} {
		c.do()
		asked = 0
		if table.View(Query{Filter: c.by, By: ByBytes, Below: 5}); asked != c.want {
			t.Errorf("%s: asked about %d rows, not %d", c.name, asked, c.want)
		}
	}
	asked = 0
	table.ScanMatching(timed, 0, func(uint32, *Row, *monitor.Extra) {})
	table.View(Query{Filter: timed, By: BySource})
	if asked != 2*all {
		t.Errorf("a scan and a view: asked about %d rows, not %d", asked, 2*all)
	}
}

// Two filters scan a table at once while it changes; each gets rows that he
// wants.
func TestJudgesAtOnce(t *testing.T) {
	table := filled(chunkRows + 100)
	even := func(e *monitor.Event) bool { return !oddPort(e) }
	done := make(chan bool)
	for port, j := range []*CachedFilter{{even, true}, {oddPort, true}} {
		go func() {
			ok := true
			for range 50 {
				v := table.View(Query{Filter: j, Below: 9000})
				for i := range v.Rows {
					ok = ok && int(v.Rows[i].Flow.Orig.SrcPort%2) == port
				}
				table.ScanMatching(j, 0, func(_ uint32, r *Row, _ *monitor.Extra) { ok = ok && int(r.Flow.Orig.SrcPort%2) == port })
			}
			done <- ok
		}()
	}
	for range 200 {
		apply(
			table,
			message(monitor.KindUpdate, 1, tcpTuple(1, 8), 1, nil),
			message(monitor.KindNew, 1, tcpTuple(2, 9), 1, nil),
		)
	}
	if a, b := <-done, <-done; !a || !b {
		t.Error("a filter gets rows that do not match")
	}
}
