package pretty

import (
	"slices"
	"time"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/human"
)

// note starts a note, after two spaces.
func note(b []byte, words string) []byte { return append(append(b, "  "...), words...) }

func number(b []byte, known bool, words string, n uint64) []byte {
	if known {
		b = text.AppendUint(note(b, words), n)
	}
	return b
}

// notes appends other notable attributes, after three spaces.
func (p *Writer) notes(b []byte, e *monitor.Event) []byte {
	start := len(b)
	f, known := &e.Flow, e.Known()
	if e.Kind == monitor.KindDestroy {
		b = traffic(life(b, e), e)
	}
	if known&monitor.AttrStatus != 0 {
		b = p.status(b, e)
	}
	if e.Inferred {
		b = note(b, "inferred")
	}
	x := e.Extra
	if x != nil && known&monitor.AttrHelper != 0 && len(x.Helper) > 0 {
		b = monitor.AppendEscaped(note(b, "helper "), x.Helper)
	}
	if x != nil && known&monitor.AttrMaster != 0 {
		from, to := endsOf(&monitor.Flow{Orig: x.Master})
		b = p.end(note(b, "of "), monitor.Endpoint{Addr: x.Master.Src, Port: x.Master.SrcPort}, from, false, false)
		b = p.end(append(b, " → "...), monitor.Endpoint{Addr: x.Master.Dst, Port: x.Master.DstPort}, to, false, false)
	}
	if known&monitor.AttrMark != 0 && f.Mark != 0 {
		b = text.AppendHex(note(b, "mark 0x"), uint64(f.Mark))
	}
	b = number(b, known&monitor.AttrZone != 0, "zone ", uint64(f.Zone))
	b = number(b, known&monitor.AttrZoneOrig != 0, "orig zone ", uint64(f.Orig.Zone))
	b = number(b, known&monitor.AttrZoneReply != 0, "reply zone ", uint64(f.Reply.Zone))
	if x != nil && known&monitor.AttrLabels != 0 {
		b = p.labels(b, x.Labels)
	}
	b = number(b, e.PortID != 0, "by netlink port ", uint64(e.PortID))
	if e.Local != nil {
		b = monitor.AppendEscaped(note(b, ""), []byte(e.Local.String()))
	}
	if len(b) > start {
		b = slices.Insert(b, start, ' ')
	}
	return b
}

// status appends what the columns do not show. A NEW never has a reply, and for an ended flow
// assured does not matter.
func (p *Writer) status(b []byte, e *monitor.Event) []byte {
	s := e.Flow.Status
	if s&monitor.SeenReply == 0 && e.Kind != monitor.KindNew {
		b = append(append(note(b, ""), p.pens.warn...), "unanswered"...)
		if p.pens.warn != "" {
			b = p.plain(b)
		}
	}
	if s&monitor.Assured != 0 && e.Kind != monitor.KindDestroy {
		b = note(b, "assured")
	}
	switch {
	case s&monitor.HWOffload != 0:
		b = note(b, "hw offload")
	case s&monitor.Offload != 0:
		b = note(b, "offload")
	}
	if e.Known().All(monitor.AttrOrig | monitor.AttrReply) {
		switch nat := e.Flow.NAT(); {
		case nat.NoBits:
			b = note(b, "no nat bits")
		case nat.Redirect:
			b = note(b, "redirect")
		}
	}
	return b
}

// life appends how long an ended flow lived.
func life(b []byte, e *monitor.Event) []byte {
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
	return human.AppendDuration(note(b, ""), time.Duration(end-born))
}

// traffic appends the bytes of both directions.
func traffic(b []byte, e *monitor.Event) []byte {
	known := e.Known()
	if known&monitor.AttrCountersOrig != 0 {
		b = human.AppendBytes(note(b, "↑"), e.Flow.CountersOrig.Bytes)
	}
	switch {
	case known&monitor.AttrCountersReply == 0:
		return b
	case known&monitor.AttrCountersOrig != 0:
		b = append(b, " ↓"...)
	default:
		b = note(b, "↓")
	}
	return human.AppendBytes(b, e.Flow.CountersReply.Bytes)
}

// labels appends the names of the label bits, numbers for bits without a name.
func (p *Writer) labels(b, set []byte) []byte {
	before := "  label "
	for bit := range text.Bits(set) {
		b = append(b, before...)
		before = ","
		if name := p.labelNames[bit]; name != "" {
			b = append(b, name...)
		} else {
			b = text.AppendUint(b, uint64(bit))
		}
	}
	return b
}
