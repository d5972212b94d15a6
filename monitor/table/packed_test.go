package table

import (
	"math/rand/v2"
	"testing"

	"natlens/monitor"
)

// Whatever is saved in a row is loaded again, whatever the row was before.
func TestPackedRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := new(slab)
	for range 3 {
		s.take()
	}
	for i := range 20_000 {
		row := uint32(rng.IntN(3))
		want := randomRow(rng)
		p := s.save(row, &want.Flow, want.Known)
		p.gen, p.first, p.last = want.Gen, want.First, want.Last
		p.state |= want.State
		var got Row
		s.load(row, &got)
		if got != want {
			t.Fatalf("row %d:\ngot  %+v\nwant %+v", i, got, want)
		}
		if !s.is(row, &want.Flow.Orig) {
			t.Fatalf("row %d is not found by %+v", i, want.Flow.Orig)
		}
		other := want.Flow.Orig
		switch rng.IntN(5) {
		case 0:
			other.Src[rng.IntN(16)]++
		case 1:
			other.DstPort++
		case 2:
			other.Zone++
		case 3:
			other.Proto++
		default:
			other.Family ^= monitor.IPv4 ^ monitor.IPv6
		}
		if s.is(row, &other) {
			t.Fatalf("row %d is found by %+v, though it is %+v", i, other, want.Flow.Orig)
		}
	}
}

// randomRow makes rows of every shape: both families, tuples at odds, no reply
// tuple, with and without counters.
func randomRow(rng *rand.Rand) Row {
	addr := func(v6 bool) (a monitor.Addr) {
		if v6 {
			for i := range a {
				a[i] = byte(rng.Uint32())
			}
			return a
		}
		return monitor.AddrFrom4([4]byte{byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32())})
	}
	tuple := func() monitor.Tuple {
		t := monitor.Tuple{
			Family:  monitor.IPv4,
			Proto:   monitor.TCP,
			SrcPort: uint16(rng.Uint32()),
			DstPort: uint16(rng.Uint32()),
			Zone:    uint16(rng.IntN(3)),
		}
		v6 := rng.IntN(4) == 0
		if v6 {
			t.Family = monitor.IPv6
		}
		t.Src, t.Dst = addr(v6), addr(v6 != (rng.IntN(20) == 0))
		if rng.IntN(20) == 0 {
			t.Proto = monitor.UDP
		}
		return t
	}
	r := Row{
		Known: monitor.Attrs(rng.Uint64()),
		Gen:   rng.Uint64(),
		First: monitor.Time(rng.Uint32()),
		Last:  monitor.Time(rng.Uint32()),
		State: RowState(rng.IntN(8)),
	}
	f := &r.Flow
	f.Orig = tuple()
	if rng.IntN(10) > 0 {
		f.Reply = tuple()
	}
	f.ID, f.Mark, f.Timeout, f.Status = rng.Uint32(), rng.Uint32(), rng.Uint32(), monitor.Status(rng.Uint32())
	f.Use, f.Zone, f.State, f.Path = uint32(
		rng.IntN(0x10000),
	), uint16(
		rng.Uint32(),
	), monitor.State(
		rng.IntN(10),
	), monitor.Path(
		rng.IntN(5),
	)
	f.TCP = monitor.TCPInfo{
		WScaleOrig:  1,
		WScaleReply: 2,
		FlagsOrig:   3,
		MaskOrig:    4,
		FlagsReply:  5,
		MaskReply:   byte(rng.Uint32()),
	}
	if rng.IntN(2) == 0 {
		r.Known &^= meteredAttrs
	}
	if r.Known&meteredAttrs != 0 {
		f.CountersOrig, f.CountersReply = monitor.Counters{
			Packets: rng.Uint64(),
			Bytes:   rng.Uint64(),
		}, monitor.Counters{
			Packets: rng.Uint64(),
			Bytes:   rng.Uint64(),
		}
		f.Start, f.Stop = monitor.Time(rng.Uint32()), monitor.Time(rng.Uint32())
	}
	return r
}

// The short way of merging does what the long way does.
func TestMergePacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	tables := [2]*Table{New(Config{}), New(Config{})}
	tuple := tcpTuple(2, 1)
	short := 0
	for i := range 5000 {
		e := message(monitor.KindUpdate, monitor.Time(i), tuple, 7, nil)
		e.Has |= monitor.Attrs(
			rng.Uint64(),
		) & (monitor.AttrState | monitor.AttrTimeout | monitor.AttrMark | monitor.AttrWScaleOrig | monitor.AttrTCPFlagsReply)
		e.Has &^= monitor.Attrs(rng.Uint64()) & (monitor.AttrStatus | monitor.AttrID)
		e.Flow.State, e.Flow.Timeout, e.Flow.Mark, e.Flow.Status = monitor.State(
			rng.IntN(9),
		), rng.Uint32(), rng.Uint32(), monitor.Status(
			rng.Uint32(),
		)
		e.Flow.TCP = monitor.TCPInfo{
			WScaleOrig: byte(rng.Uint32()),
			FlagsReply: byte(rng.Uint32()),
			MaskReply:  byte(rng.Uint32()),
		}
		if i%100 == 0 {
			e.Kind = monitor.KindNew
		}
		var rows [2]Row
		var merged [2]monitor.Event
		for j, table := range tables {
			merged[j] = apply(table, e)[0]
			row := merged[j].Row
			table.rows.load(row, &rows[j])
			if j == 0 {
				short += 1 - int(table.rows.at(row).state&rowWide>>7)
				continue
			}
			// The second table's rows are wide, which the short way refuses.
			c := &table.rows.chunks[0]
			if c.wide == nil {
				c.wide = new([chunkRows][2]monitor.Tuple)
			}
			c.wide[row] = [2]monitor.Tuple{rows[j].Flow.Orig, rows[j].Flow.Reply}
			c.rows[row].state |= rowWide
		}
		if rows[0] != rows[1] || !sameEvent(merged[0], merged[1]) {
			t.Fatalf("event %d:\nshort %+v\n      %+v\nlong  %+v\n      %+v", i, rows[0], merged[0], rows[1], merged[1])
		}
	}
	if short != 5000 {
		t.Errorf("the short way was taken %d times of 5000", short)
	}
}

func sameEvent(a, b monitor.Event) bool {
	return a.Flow == b.Flow && a.Has == b.Has && a.Remembered == b.Remembered && a.Gen == b.Gen && a.Born == b.Born
}
