//go:build linux

package main

import (
	"context"
	"io"
	"testing"

	"natlens/export/history"
	"natlens/monitor"
)

// onePart is a dump of one part.
type onePart []monitor.Event

func (p onePart) Next(_ context.Context, b *monitor.Batch) error {
	b.Events = append(b.Events, p...)
	return io.EOF
}

func (onePart) Close() error { return nil }

// TestWhoOfATupleMadeAgain looks through a dump that tells a tuple twice, of a flow that
// ended meanwhile and of the next one: --limit ends the search with the first.
func TestWhoOfATupleMadeAgain(t *testing.T) {
	inside := monitor.AddrFrom4([4]byte{10, 0, 0, 5})
	flow := func(id uint32) (e monitor.Event) {
		e.Kind, e.Has = monitor.KindExisting, monitor.AttrOrig|monitor.AttrReply|monitor.AttrStatus|monitor.AttrID
		f := &e.Flow
		f.ID = id
		f.Orig = monitor.Tuple{Src: inside, Dst: monitor.AddrFrom4([4]byte{198, 51, 100, 9}), SrcPort: 4000, DstPort: 443, Proto: monitor.TCP, Family: monitor.IPv4}
		f.Reply = monitor.Tuple{Src: f.Orig.Dst, Dst: inside, SrcPort: 443, DstPort: 4000, Proto: monitor.TCP, Family: monitor.IPv4}
		return e
	}
	for limit, want := range map[int]int{0: 2, 1: 1, 2: 2} {
		told := 0
		q := history.Query{Inside: history.End{Addr: inside.Netip()}, Limit: limit}
		res, err := newSeeker(q, nil, func(*history.Answer) error { told++; return nil }).table(monitor.Batches(t.Context(), onePart{flow(7), flow(8)}))
		if err != nil || told != want || res.Answers != want {
			t.Errorf("limit %d: %d answers of %d, %v", limit, told, res.Answers, err)
		}
	}
}
