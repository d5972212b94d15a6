package pretty

import (
	"time"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/human"
)

// appendNotes appends what else is worth a word, behind three blanks, with two
// between the words.
func (p *Writer) appendNotes(b []byte, e *monitor.Event) []byte {
	f, known, n := &e.Flow, e.Known(), words{p: p, first: true}
	if e.Kind == monitor.KindDestroy {
		b = n.appendLife(b, e)
		b = n.appendTraffic(b, e)
	}
	if known&monitor.AttrStatus != 0 {
		b = n.appendStatus(b, e)
	}
	if e.Inferred {
		b = n.append(b, "inferred")
	}
	if x := e.Extra; x != nil {
		if known&monitor.AttrHelper != 0 && len(x.Helper) > 0 {
			b = monitor.AppendEscaped(n.append(b, "helper "), x.Helper)
		}
		if known&monitor.AttrMaster != 0 {
			from, to := endsOf(&monitor.Flow{Orig: x.Master})
			b = p.appendEnd(n.append(b, "of "), monitor.Endpoint{Addr: x.Master.Src, Port: x.Master.SrcPort}, from, false, false)
			b = p.appendEnd(append(b, " → "...), monitor.Endpoint{Addr: x.Master.Dst, Port: x.Master.DstPort}, to, false, false)
		}
	}
	if known&monitor.AttrMark != 0 && f.Mark != 0 {
		b = text.AppendHex(n.append(b, "mark 0x"), uint64(f.Mark))
	}
	if known&monitor.AttrZone != 0 {
		b = text.AppendUint(n.append(b, "zone "), uint64(f.Zone))
	}
	if known&monitor.AttrZoneOrig != 0 {
		b = text.AppendUint(n.append(b, "orig zone "), uint64(f.Orig.Zone))
	}
	if known&monitor.AttrZoneReply != 0 {
		b = text.AppendUint(n.append(b, "reply zone "), uint64(f.Reply.Zone))
	}
	if x := e.Extra; x != nil && known&monitor.AttrLabels != 0 {
		b = n.appendLabels(b, x.Labels)
	}
	if e.PortID != 0 {
		b = text.AppendUint(n.append(b, "by netlink port "), uint64(e.PortID))
	}
	return b
}

// words puts blanks between words.
type words struct {
	p     *Writer
	first bool
}

func (n *words) append(b []byte, word string) []byte {
	if n.first {
		b = append(b, ' ')
	}
	n.first = false
	return append(append(b, "  "...), word...)
}

// appendStatus appends what the status tells that the columns do not: a NEW has
// no reply yet and every flow was assured or not when it ends.
func (n *words) appendStatus(b []byte, e *monitor.Event) []byte {
	s := e.Flow.Status
	if s&monitor.SeenReply == 0 && e.Kind != monitor.KindNew {
		b = append(n.append(b, ""), n.p.pens.warn...)
		b = append(b, "unanswered"...)
		if n.p.pens.warn != "" {
			b = n.p.plain(b)
		}
	}
	if s&monitor.Assured != 0 && e.Kind != monitor.KindDestroy {
		b = n.append(b, "assured")
	}
	switch {
	case s&monitor.HWOffload != 0:
		b = n.append(b, "hw offload")
	case s&monitor.Offload != 0:
		b = n.append(b, "offload")
	}
	if e.Known().All(monitor.AttrOrig | monitor.AttrReply) {
		switch nat := e.Flow.NAT(); {
		case nat.NoBits:
			b = n.append(b, "no nat bits")
		case nat.Redirect:
			b = n.append(b, "redirect")
		}
	}
	return b
}

// appendLife appends how long an ended flow lived.
func (n *words) appendLife(b []byte, e *monitor.Event) []byte {
	born, end := e.Born, e.Time
	if e.Known()&monitor.AttrStart != 0 {
		born = e.Flow.Start
	}
	if e.Known()&monitor.AttrStop != 0 {
		end = e.Flow.Stop
	}
	if born == 0 || end < born {
		return b
	}
	return human.AppendDuration(n.append(b, ""), time.Duration(end-born))
}

// appendTraffic appends the bytes of both directions.
func (n *words) appendTraffic(b []byte, e *monitor.Event) []byte {
	known := e.Known()
	if known&monitor.AttrCountersOrig != 0 {
		b = human.AppendBytes(n.append(b, "↑"), e.Flow.CountersOrig.Bytes)
	}
	if known&monitor.AttrCountersReply != 0 {
		if known&monitor.AttrCountersOrig != 0 {
			b = append(b, " ↓"...)
		} else {
			b = n.append(b, "↓")
		}
		b = human.AppendBytes(b, e.Flow.CountersReply.Bytes)
	}
	return b
}

// appendLabels appends the names of the label bits, numbers where there are none.
func (n *words) appendLabels(b, set []byte) []byte {
	first := true
	for i, c := range set {
		for bit := 8 * i; c != 0; bit, c = bit+1, c>>1 {
			if c&1 == 0 {
				continue
			}
			if first {
				b = n.append(b, "label ")
			} else {
				b = append(b, ',')
			}
			first = false
			if name := n.p.o.Labels.Name(bit); name != "" {
				b = append(b, name...)
			} else {
				b = text.AppendUint(b, uint64(bit))
			}
		}
	}
	return b
}
