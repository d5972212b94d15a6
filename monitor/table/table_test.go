package table

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"natlens/monitor"
)

// tcp is the original tuple of a TCP flow from 10.0.0.x:port to 192.0.2.1:443.
func tcpTuple(host byte, port uint16) monitor.Tuple {
	return monitor.Tuple{
		Src: monitor.AddrFrom4([4]byte{10, 0, 0, host}), Dst: monitor.AddrFrom4([4]byte{192, 0, 2, 1}),
		SrcPort: port, DstPort: 443, Proto: monitor.TCP, Family: monitor.IPv4,
	}
}

func reversed(t monitor.Tuple) monitor.Tuple {
	t.Src, t.Dst, t.SrcPort, t.DstPort = t.Dst, t.Src, t.DstPort, t.SrcPort
	return t
}

// message makes an event as the decoder would; more fills in the rest.
func message(k monitor.Kind, at monitor.Time, t monitor.Tuple, id uint32, more func(*monitor.Event)) monitor.Event {
	e := monitor.Event{
		Kind:       k,
		Time:       at,
		TimeSource: monitor.TimeReceived,
		Has:        monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID,
	}
	e.Flow.Orig, e.Flow.Reply, e.Flow.ID, e.Flow.Status = t, reversed(t), id, monitor.Confirmed
	if more != nil {
		more(&e)
	}
	return e
}

func state(s monitor.State) func(*monitor.Event) {
	return func(e *monitor.Event) { e.Has |= monitor.AttrState; e.Flow.State = s }
}

func apply(t *Table, events ...monitor.Event) []monitor.Event {
	b := monitor.Batch{Events: events}
	t.Apply(&b)
	return b.Events
}

// line prints what the table sets in an event.
func line(e *monitor.Event) string {
	s := fmt.Sprintf("%s gen=%d born=%d state=%s", e.Kind, e.Gen, e.Born, e.Flow.State.Name(monitor.TCP))
	if e.Inferred {
		s += " inferred"
	}
	if e.Known()&monitor.AttrHelper != 0 {
		s += " helper=" + string(e.Extra.Helper)
	}
	if e.Remembered != 0 {
		s += fmt.Sprintf(" remembered=%b", e.Remembered)
	}
	return s
}

func lines(events []monitor.Event) string {
	var out []string
	for i := range events {
		out = append(out, line(&events[i]))
	}
	return strings.Join(out, "\n")
}

// Values without pointers are no work for the garbage collector, and the index
// hashes a tuple's memory: it must have no padding.
func TestValuesHoldNoPointers(t *testing.T) {
	for _, v := range []any{monitor.Tuple{}, monitor.Flow{}, Row{}, Life{}, packedRow{}, meteredRow{}} {
		if typ := reflect.TypeOf(v); hasPointer(typ) {
			t.Errorf("%s holds a pointer", typ)
		}
	}
	var sum uintptr
	for i := range reflect.TypeFor[monitor.Tuple]().NumField() {
		sum += reflect.TypeFor[monitor.Tuple]().Field(i).Type.Size()
	}
	if sum != unsafe.Sizeof(monitor.Tuple{}) {
		t.Errorf("Tuple has padding: fields %d bytes, struct %d", sum, unsafe.Sizeof(monitor.Tuple{}))
	}
	if size := unsafe.Sizeof(packedRow{}); size != 96 {
		t.Errorf("a packed row is %d bytes, not 96", size)
	}
}

func hasPointer(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointer(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.Array:
		return hasPointer(t.Elem())
	case reflect.Pointer, reflect.Slice, reflect.String, reflect.Map, reflect.Interface, reflect.Chan, reflect.Func:
		return true
	}
	return false
}

// A DESTROY contains neither helper nor protoinfo: they are remembered, and said to
// be.
func TestTableRemembers(t *testing.T) {
	table := New(Config{})
	tuple := tcpTuple(2, 40000)
	got := apply(table,
		message(monitor.KindNew, 1000, tuple, 7, func(e *monitor.Event) {
			state(monitor.TCPSynSent)(e)
			e.Has |= monitor.AttrHelper
			e.Extra = &monitor.Extra{Helper: []byte("ftp")}
		}),
		message(monitor.KindUpdate, 2000, tuple, 7, state(monitor.TCPEstablished)),
		message(monitor.KindUpdate, 3000, tuple, 7, nil),
		message(monitor.KindDestroy, 4000, tuple, 7, nil),
	)
	const helper, both = monitor.AttrHelper, monitor.AttrHelper | monitor.AttrState
	want := fmt.Sprintf(`new gen=1 born=1000 state=SYN_SENT helper=ftp
update gen=1 born=1000 state=ESTABLISHED helper=ftp remembered=%b
update gen=1 born=1000 state=ESTABLISHED helper=ftp remembered=%b
destroy gen=1 born=1000 state=ESTABLISHED helper=ftp remembered=%b`, helper, both, both)
	if lines(got) != want {
		t.Errorf("got\n%s\nwant\n%s", lines(got), want)
	}
	if table.Len() != 0 || len(table.extras) != 0 {
		t.Errorf("%d flows and %d extras left", table.Len(), len(table.extras))
	}
}

// What the table keeps must not hang on the batch's memory.
func TestTableCopiesText(t *testing.T) {
	table := New(Config{})
	name := []byte("sip")
	apply(
		table,
		message(
			monitor.KindNew,
			1,
			tcpTuple(2, 1),
			1,
			func(e *monitor.Event) { e.Has |= monitor.AttrHelper; e.Extra = &monitor.Extra{Helper: name} },
		),
	)
	copy(name, "xxx")
	got := apply(table, message(monitor.KindDestroy, 2, tcpTuple(2, 1), 1, nil))
	if h := string(got[0].Extra.Helper); h != "sip" {
		t.Errorf("helper %q, want sip", h)
	}
}

// The same tuple made again a hundred times is a hundred flows, whether the end
// of the previous one was seen or not, and though the kernel's id is reused.
func TestTableGenerations(t *testing.T) {
	for _, destroys := range []bool{true, false} {
		table := New(Config{})
		gens := map[uint64]bool{}
		for i := range monitor.Time(100) {
			gens[apply(table, message(monitor.KindNew, i, tcpTuple(2, 40000), 7, nil))[0].Gen] = true
			if destroys {
				apply(table, message(monitor.KindDestroy, i, tcpTuple(2, 40000), 7, nil))
			}
		}
		live := 1
		if destroys {
			live = 0
		}
		if len(gens) != 100 || table.Len() != live {
			t.Errorf("destroys %v: %d generations, %d live, want 100 and %d", destroys, len(gens), table.Len(), live)
		}
	}
}

// Another id under the same tuple is another flow, even in an UPDATE or DESTROY.
func TestTableOtherID(t *testing.T) {
	table := New(Config{})
	got := apply(table,
		message(monitor.KindNew, 1, tcpTuple(2, 1), 7, state(monitor.TCPSynSent)),
		message(monitor.KindUpdate, 2, tcpTuple(2, 1), 8, nil),
		message(monitor.KindDestroy, 3, tcpTuple(2, 1), 9, nil))
	want := "new gen=1 born=1 state=SYN_SENT\nupdate gen=2 born=0 state=NONE\ndestroy gen=3 born=0 state=NONE"
	if lines(got) != want {
		t.Errorf("got\n%s\nwant\n%s", lines(got), want)
	}
}

// The tuples of two zones are two flows.
func TestTableZones(t *testing.T) {
	table := New(Config{})
	a, b := tcpTuple(2, 1), tcpTuple(2, 1)
	b.Zone = 5
	apply(table, message(monitor.KindNew, 1, a, 7, nil), message(monitor.KindNew, 1, b, 8, nil))
	if table.Len() != 2 {
		t.Errorf("%d flows, want 2", table.Len())
	}
}

// The same tuple in two network namespaces is two flows, IPv4's in packed rows and
// IPv6's in wide ones.
func TestTableNamespaces(t *testing.T) {
	six := tcpTuple(2, 1)
	six.Src, six.Dst, six.Family = monitor.AddrFrom(
		netip.MustParseAddr("2001:db8::1"),
	), monitor.AddrFrom(
		netip.MustParseAddr("2001:db8::2"),
	), monitor.IPv6
	for _, a := range []monitor.Tuple{tcpTuple(2, 1), six} {
		table := New(Config{})
		in := func(n monitor.NetNS, k monitor.Kind, at monitor.Time) monitor.Event {
			e := message(k, at, a, 7, nil)
			e.SetNetNS(n)
			return e
		}
		apply(table, in(1, monitor.KindNew, 1), in(2, monitor.KindNew, 2))
		if table.Len() != 2 {
			t.Fatalf("%d flows, want 2", table.Len())
		}
		// Other tuples with the same hash differ in this only.
		if other := in(2, monitor.KindNew, 2).Flow.Orig; table.rows.is(0, &other) || !table.rows.is(1, &other) {
			t.Error("a row is found for the tuple of another namespace")
		}
		ends := apply(table, in(2, monitor.KindDestroy, 3))
		if table.Len() != 1 || ends[0].Born != 2 {
			t.Errorf("%d flows; the one that ended was born at %d", table.Len(), ends[0].Born)
		}
		table.Scan(func(_ uint32, r *Row, _ *monitor.Extra) bool {
			if r.Flow.Orig.NetNS != 1 || r.Flow.Reply.NetNS != 1 {
				t.Errorf("the flow of namespace %d is left", r.Flow.Orig.NetNS)
			}
			return true
		})
	}
}

// TestTableUpdateOvertakesNew expects one flow of an UPDATE and its NEW in the wrong order,
// with what the UPDATE says of it.
func TestTableUpdateOvertakesNew(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []monitor.Event // of the UPDATE
		with   monitor.Attrs
	}{
		{name: "bare"},
		{name: "with counters", with: monitor.AttrCountersOrig},
		{name: "known from a dump", before: []monitor.Event{message(monitor.KindExisting, 1900, tcpTuple(2, 1), 7, nil)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := New(Config{Life: true, Linger: time.Second})
			apply(table, c.before...)
			got := apply(table,
				message(monitor.KindUpdate, 2001, tcpTuple(2, 1), 7, func(e *monitor.Event) {
					state(monitor.TCPSynRecv)(e)
					e.Has |= c.with
					e.Flow.Status |= monitor.SeenReply
				}),
				message(monitor.KindNew, 2000, tcpTuple(2, 1), 7, func(e *monitor.Event) {
					state(monitor.TCPSynSent)(e)
					e.Has |= monitor.AttrHelper | monitor.AttrMark
					e.Flow.Mark, e.Extra = 9, &monitor.Extra{Helper: []byte("ftp")}
				}))
			row, gen, ok := table.Lookup(tcpTuple(2, 1))
			r, x, _ := table.Get(row, gen)
			if !ok || gen != 1 || got[1].Gen != 1 || table.Len() != 1 || r.Born() == 0 || r.Born() > 2000 {
				t.Fatalf("%d flows, number %d of NEW, %d of the row, born %d", table.Len(), got[1].Gen, gen, r.Born())
			}
			if r.Flow.State != monitor.TCPSynRecv || !r.Flow.Status.Has(monitor.SeenReply) || r.Flow.Mark != 9 ||
				string(x.Helper) != "ftp" || got[1].Flow.State != monitor.TCPSynSent {
				t.Errorf("the row is %+v with helper %q; NEW is %+v", r.Flow, x.Helper, got[1].Flow)
			}
			end := apply(table, message(monitor.KindDestroy, 3000, tcpTuple(2, 1), 7, nil))[0]
			life, _ := table.Life(row, gen)
			if end.Gen != 1 || end.Born != r.Born() || table.Len() != 0 || slices.Contains(life.States[1:life.N],
				LifeState(monitor.TCPSynSent)) {
				t.Errorf("%d flows left after the DESTROY of number %d, born %d: %v", table.Len(), end.Gen, end.Born, life)
			}
		})
	}
	table := New(Config{})
	got := apply(table,
		message(monitor.KindUpdate, 2, tcpTuple(2, 1), 7, nil), message(monitor.KindNew, 1, tcpTuple(2, 1), 8, nil),
		message(monitor.KindNew, 3, tcpTuple(2, 1), 8, nil))
	if got[1].Gen != 2 || got[2].Gen != 3 {
		t.Errorf("a NEW with another id, and a second NEW, are numbers %d and %d", got[1].Gen, got[2].Gen)
	}
}

func TestTableLingers(t *testing.T) {
	table := New(Config{Linger: 5 * time.Second})
	new := apply(table, message(monitor.KindNew, 0, tcpTuple(2, 1), 7, nil))[0]
	apply(table, message(monitor.KindDestroy, monitor.Time(time.Second), tcpTuple(2, 1), 7, nil))
	seen := func() (n int, ended bool) {
		table.Scan(func(_ uint32, r *Row, _ *monitor.Extra) bool { n++; ended = r.Ended(); return true })
		return
	}
	if n, ended := seen(); n != 1 || !ended || table.Len() != 0 {
		t.Errorf("after the end: %d rows, ended %v, %d live", n, ended, table.Len())
	}
	if _, _, ok := table.Get(new.Row, new.Gen); !ok {
		t.Error("the lingering flow cannot be got")
	}
	table.Expire(monitor.Time(6*time.Second) - 1)
	if n, _ := seen(); n != 1 {
		t.Error("gone before its time")
	}
	table.Expire(monitor.Time(6 * time.Second))
	if n, _ := seen(); n != 0 {
		t.Error("still there after its time")
	}
	if _, _, ok := table.Get(new.Row, new.Gen); ok {
		t.Error("got a flow that is gone")
	}
}

func TestTableLife(t *testing.T) {
	table := New(Config{Life: true, Linger: time.Second})
	const ms = monitor.Time(time.Millisecond)
	e := apply(table,
		message(monitor.KindNew, 0, tcpTuple(2, 1), 7, state(monitor.TCPSynSent)),
		message(monitor.KindUpdate, 18*ms, tcpTuple(2, 1), 7, state(monitor.TCPSynRecv)),
		message(monitor.KindUpdate, 18*ms, tcpTuple(2, 1), 7, state(monitor.TCPEstablished)),
		message(monitor.KindUpdate, 20*ms, tcpTuple(2, 1), 7, nil),
		message(monitor.KindDestroy, 90*ms, tcpTuple(2, 1), 7, nil))[0]
	l, ok := table.Life(e.Row, e.Gen)
	if !ok {
		t.Fatal("no life")
	}
	got := fmt.Sprint(l.States[:l.N], l.At[:l.N], l.Cut)
	want := fmt.Sprint(
		[]LifeState{
			LifeState(monitor.TCPSynSent),
			LifeState(monitor.TCPSynRecv),
			LifeState(monitor.TCPEstablished),
			LifeEnded,
		},
		[]uint32{0, 18, 18, 90},
		false,
	)
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTablePath(t *testing.T) {
	table := New(Config{})
	table.SetLocals(monitor.NewLocals([]netip.Addr{netip.MustParseAddr("10.0.0.1")}))
	e := apply(
		table,
		message(monitor.KindNew, 1, tcpTuple(1, 1), 7, nil),
		message(monitor.KindNew, 1, tcpTuple(2, 1), 7, nil),
	)
	if e[0].Flow.Path != monitor.PathOut || e[1].Flow.Path != monitor.PathForward {
		t.Errorf("paths %v and %v", e[0].Flow.Path, e[1].Flow.Path)
	}
	table.SetLocals(monitor.NewLocals([]netip.Addr{netip.MustParseAddr("192.0.2.1")}))
	e = apply(table, message(monitor.KindUpdate, 1, tcpTuple(2, 1), 7, nil))
	if e[0].Flow.Path != monitor.PathIn {
		t.Errorf("after a new address: path %v", e[0].Flow.Path)
	}
}

// The index against a Go map, through many insertions and removals.
func TestIndexAgainstMap(t *testing.T) {
	table := New(Config{})
	want := map[monitor.Tuple]uint64{}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range monitor.Time(200_000) {
		at := i * 2 * maxLate // no message is late
		tuple := tcpTuple(byte(rng.IntN(4)), uint16(rng.IntN(5000)))
		gen, live := want[tuple]
		if live && rng.IntN(2) == 0 {
			apply(table, message(monitor.KindDestroy, at, tuple, 1, nil))
			delete(want, tuple)
			continue
		}
		e := apply(table, message(monitor.KindUpdate, at, tuple, 1, nil))[0]
		if live && e.Gen != gen {
			t.Fatalf("step %d: generation %d became %d", i, gen, e.Gen)
		}
		want[tuple] = e.Gen
	}
	if table.Len() != len(want) {
		t.Fatalf("%d flows, want %d", table.Len(), len(want))
	}
	for tuple, gen := range want {
		if _, got, ok := table.Lookup(tuple); !ok || got != gen {
			t.Fatalf("%v: generation %d, %v, want %d", tuple, got, ok, gen)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for _, flows := range []int{1_000, 400_000} {
		events := make([]monitor.Event, flows)
		for i := range events {
			events[i] = message(monitor.KindNew, 1, tcpTuple(byte(i>>16), uint16(i)), uint32(i), nil)
		}
		b.Run(fmt.Sprintf("new, %d flows", flows), func(b *testing.B) {
			benchmarkApply(b, events, func() *Table { return New(Config{}) })
		})
		table := New(Config{})
		for i := range events {
			apply(table, events[i])
			events[i].Kind = monitor.KindUpdate
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(flows, func(i, j int) { events[i], events[j] = events[j], events[i] })
		b.Run(fmt.Sprintf("update, %d flows", flows), func(b *testing.B) {
			benchmarkApply(b, events, func() *Table { return table })
		})
	}
}

func benchmarkApply(b *testing.B, events []monitor.Event, newTable func() *Table) {
	var batch monitor.Batch
	table := newTable()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		batch.Reset()
		for range 256 {
			if n == len(events) {
				n, table = 0, newTable()
			}
			*batch.Add() = events[n]
			n++
		}
		table.Apply(&batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/event")
}
