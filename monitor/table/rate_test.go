package table

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"natlens/monitor"
)

// metered returns a table with rates, and a function that reads the counters of its only flow
// at a time in seconds.
func metered(first monitor.Kind, at float64) (t *Table, read func(at float64, up, down uint64) *Row) {
	t = New(Config{Rates: true, Linger: 60e9})
	send := func(kind monitor.Kind, at float64, up, down uint64, has monitor.Attrs) *monitor.Event {
		var b monitor.Batch
		e := b.Add()
		e.Kind, e.Time, e.Has = kind, monitor.Time(at*1e9), monitor.AttrOrig|has
		e.Flow.Orig = monitor.Tuple{SrcPort: 1024, Proto: monitor.UDP, Family: monitor.IPv4}
		e.Flow.CountersOrig.Bytes, e.Flow.CountersReply.Bytes = up, down
		return e
	}
	var b monitor.Batch
	b.Events = append(b.Events, *send(first, at, 0, 0, 0))
	t.Apply(&b)
	return t, func(at float64, up, down uint64) *Row {
		e := send(monitor.KindExisting, at, up, down, counters)
		row, gen, _ := t.Lookup(e.Flow.Orig)
		t.Refresh(row, gen, e)
		r, _, _ := t.Get(row, gen)
		return &r
	}
}

func rates(r *Row) string {
	var out []string
	for w := range Windows {
		out = append(out, fmt.Sprintf("%.0f/%.0f", r.Rates[w].Up, r.Rates[w].Down))
	}
	if r.State&RowRated == 0 {
		out = append(out, "unknown")
	}
	return fmt.Sprint(out)
}

func TestRates(t *testing.T) {
	type reading struct {
		at       float64
		up, down uint64
		want     string
	}
	for _, c := range []struct {
		name     string
		first    monitor.Kind
		readings []reading
	}{
		{"a flow that began before natlens needs two readings", monitor.KindExisting, []reading{
			{1, 5000, 900, "[0/0 0/0 0/0 unknown]"}, {3, 5600, 900, "[300/0 300/0 300/0]"}}},
		{"a new flow began with counters of 0", monitor.KindNew, []reading{{2, 400, 4000, "[200/2000 200/2000 200/2000]"}}},
		{"the mean, until the window is full", monitor.KindNew, []reading{
			{1, 100, 0, "[100/0 100/0 100/0]"}, {2, 400, 0, "[300/0 200/0 200/0]"}, {4, 400, 0, "[0/0 100/0 100/0]"}}},
		{"then the window's share", monitor.KindNew, []reading{
			{100, 10_000, 0, "[100/0 100/0 100/0]"}, {101, 11_100, 0, "[1100/0 200/0 117/0]"},
			{101.5, 11_100, 0, "[550/0 190/0 116/0]"}}},
		{"a late reading changes nothing", monitor.KindNew, []reading{
			{2, 400, 0, "[200/0 200/0 200/0]"}, {1.5, 350, 0, "[200/0 200/0 200/0]"}, {3, 600, 0, "[200/0 200/0 200/0]"}}},
		{"counters that were reset start again", monitor.KindNew, []reading{
			{2, 400, 0, "[200/0 200/0 200/0]"}, {3, 10, 0, "[200/0 200/0 200/0]"}, {4, 60, 0, "[50/0 50/0 50/0]"}}},
		{"so does a clock that was set back", monitor.KindNew, []reading{
			{200, 400, 0, "[2/0 2/0 2/0]"}, {100, 500, 0, "[2/0 2/0 2/0]"}, {101, 560, 0, "[60/0 60/0 60/0]"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, read := metered(c.first, 0)
			for _, r := range c.readings {
				if got := rates(read(r.at, r.up, r.down)); got != r.want {
					t.Errorf("at %g: %s, want %s", r.at, got, r.want)
				}
			}
		})
	}
}

// A sender of 1,000 bytes every 10 ms is read at uneven times. Over 10 s its rate stays within
// 10 % of the truth from the third second on.
func TestSteadyRate(t *testing.T) {
	_, read := metered(monitor.KindExisting, 0)
	at := 0.004
	for i := range 200 {
		at += []float64{1, 1.013, 0.987, 1.1, 0.3, 2.2}[i%6]
		r := read(at, uint64(at*100)*1000, 0)
		if off := math.Abs(r.Rates[Over10s].Total()/100_000 - 1); i > 2 && off > 0.1 {
			t.Fatalf("after %.3f s: %.0f bytes/s", at, r.Rates[Over10s].Total())
		}
	}
}

// A flow that has ended has no rate, and the next one in its row begins without.
func TestRateEnds(t *testing.T) {
	table, read := metered(monitor.KindNew, 0)
	r := read(1, 700, 0)
	for _, kind := range []monitor.Kind{monitor.KindDestroy, monitor.KindExisting} {
		var b monitor.Batch
		e := b.Add()
		e.Kind, e.Time, e.Has, e.Flow.Orig = kind, 70e9, monitor.AttrOrig, r.Flow.Orig
		table.Apply(&b)
		table.Expire(200e9)
		table.Scan(func(_ uint32, r *Row, _ *monitor.Extra) bool {
			if r.Rates != [Windows]Rate{} {
				t.Errorf("after %v: %v", kind, rates(r))
			}
			return true
		})
	}
	if got := rates(read(201, 100, 0)); got != "[0/0 0/0 0/0 unknown]" {
		t.Errorf("the next flow: %v", got)
	}
}

// Of flows with the same rate, the newest is first when the highest rate is.
func TestOrderOfRates(t *testing.T) {
	table := New(Config{Rates: true})
	var b monitor.Batch
	for at, bytes := range [][]uint64{{0, 0, 0, 0}, {500, 900, 500, 0}} {
		for i, n := range bytes {
			e := b.Add()
			e.Kind, e.Time, e.Has = monitor.KindExisting, monitor.Time(at+1)*1e9, monitor.AttrOrig|counters
			e.Flow.Orig = monitor.Tuple{SrcPort: uint16(i), Proto: monitor.UDP, Family: monitor.IPv4}
			e.Flow.CountersReply.Bytes = n
		}
	}
	table.Apply(&b)
	for by, want := range map[Order][]uint16{ByRate: {1, 2, 0, 3}, ByDown: {1, 2, 0, 3}, ByUp: {3, 2, 1, 0}} {
		var got []uint16
		for _, r := range table.View(Query{By: by, Descending: true, Below: 9}).Rows {
			got = append(got, r.Flow.Orig.SrcPort)
		}
		if !slices.Equal(got, want) {
			t.Errorf("order %d: %v, want %v", by, got, want)
		}
	}
}

// A rate that is no longer true is forgotten until there are two readings again.
func TestClearRate(t *testing.T) {
	table, read := metered(monitor.KindNew, 0)
	r := read(1, 1000, 0)
	row, gen, _ := table.Lookup(r.Flow.Orig)
	table.ClearRate(row, gen+1) // of another flow
	if before, _, _ := table.Get(row, gen); rates(&before) != "[1000/0 1000/0 1000/0]" {
		t.Error(rates(&before))
	}
	table.ClearRate(row, gen)
	if cleared, _, _ := table.Get(row, gen); rates(&cleared) != "[0/0 0/0 0/0 unknown]" {
		t.Error(rates(&cleared))
	}
	if again := read(2, 3000, 0); rates(again) == "[0/0 0/0 0/0 unknown]" {
		t.Error("not known after the next reading")
	}
}
