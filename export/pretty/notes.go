package pretty

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/human"
)

// notes returns other notable attributes, after three spaces.
func (p *Writer) notes(e *monitor.Event) string {
	var all []string
	note := func(known bool, words ...any) {
		if known {
			all = append(all, fmt.Sprint(words...))
		}
	}
	f, known := &e.Flow, e.Known()
	if e.Kind == monitor.KindDestroy {
		lived := life(e)
		note(lived != "", lived)
	}
	sent := traffic(e)
	note(sent != "", sent)
	if e.Rate != nil {
		note(true, "↑", human.Rate(e.Rate.Up, false), " ↓", human.Rate(e.Rate.Down, false))
	}
	if known&monitor.AttrStatus != 0 {
		all = append(all, p.status(e)...)
	}
	note(e.Inferred, "inferred")
	x := cmp.Or(e.Extra, &monitor.Extra{})
	note(known&monitor.AttrHelper != 0 && len(x.Helper) > 0, "helper ", monitor.Escape(string(x.Helper)))
	if m := &x.Master; known&monitor.AttrMaster != 0 {
		from, to := endsOf(&monitor.Flow{Orig: *m})
		note(true, "of ", p.end(monitor.Endpoint{Addr: m.Src, Port: m.SrcPort}, from, false, false), " → ",
			p.end(monitor.Endpoint{Addr: m.Dst, Port: m.DstPort}, to, false, false))
	}
	note(known&monitor.AttrMark != 0 && f.Mark != 0, "mark 0x", strconv.FormatUint(uint64(f.Mark), 16))
	note(known&monitor.AttrZone != 0, "zone ", f.Zone)
	note(known&monitor.AttrZoneOrig != 0, "orig zone ", f.Orig.Zone)
	note(known&monitor.AttrZoneReply != 0, "reply zone ", f.Reply.Zone)
	labels := p.labels(x.Labels)
	note(known&monitor.AttrLabels != 0 && labels != "", "label ", labels)
	note(e.PortID != 0, "by netlink port ", e.PortID)
	if e.Local != nil {
		note(true, monitor.Escape(e.Local.String()))
	}
	src, dst := p.o.Places.Of(f.Orig.Src).String(), p.o.Places.Of(f.Orig.Dst).String()
	note(src != "", "from ", monitor.Escape(src))
	note(dst != "", "to ", monitor.Escape(dst))
	if len(all) == 0 {
		return ""
	}
	return "   " + strings.Join(all, "  ")
}

// status returns the status bits that the columns do not show. A NEW never has a reply, and for
// an ended flow assured does not matter.
func (p *Writer) status(e *monitor.Event) (all []string) {
	s := e.Flow.Status
	if s&monitor.SeenReply == 0 && e.Kind != monitor.KindNew {
		all = append(all, p.coloured(p.pens.warn, "unanswered"))
	}
	if s&monitor.Assured != 0 && e.Kind != monitor.KindDestroy {
		all = append(all, "assured")
	}
	switch {
	case s&monitor.HWOffload != 0:
		all = append(all, "hw offload")
	case s&monitor.Offload != 0:
		all = append(all, "offload")
	}
	if e.Known().All(monitor.AttrOrig | monitor.AttrReply) {
		switch nat := e.Flow.NAT(); {
		case nat.NoBits:
			all = append(all, "no nat bits")
		case nat.Redirect:
			all = append(all, "redirect")
		}
	}
	return all
}

// life returns how long an ended flow lived, "" if that is not known.
func life(e *monitor.Event) string {
	born, end := e.Born, e.Time
	if e.Known()&monitor.AttrStart != 0 {
		born = e.Flow.Start
	}
	if e.Known()&monitor.AttrStop != 0 {
		end = e.Flow.Stop
	}
	if born == 0 || end < born {
		return ""
	}
	return human.Duration(time.Duration(end - born))
}

// traffic returns the bytes of both directions.
func traffic(e *monitor.Event) (sent string) {
	if e.Known()&monitor.AttrCountersOrig != 0 {
		sent = "↑" + human.Bytes(e.Flow.CountersOrig.Bytes)
	}
	if e.Known()&monitor.AttrCountersReply != 0 {
		sent += " ↓" + human.Bytes(e.Flow.CountersReply.Bytes)
	}
	return strings.TrimPrefix(sent, " ")
}

// labels returns the names of the label bits, numbers for bits without a name.
func (p *Writer) labels(set []byte) string {
	var all []string
	for bit := range text.Bits(set) {
		all = append(all, cmp.Or(p.labelNames[bit], strconv.Itoa(bit)))
	}
	return strings.Join(all, ",")
}
