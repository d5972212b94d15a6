package tui

import (
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/paint"
)

const noValue = "–"

// rate is left out where nothing moves.
func (d *flowDrawer) rate(l *paint.Line, f *flowRef, _ int) {
	if r, ok := d.s.rates.of(f.index, f.row.Gen, d.now); ok && r > 0 && !f.row.Ended() && !d.timedOut(f) {
		l.Add(paint.Text, human.Bytes(r)+"/s")
		return
	}
	l.Add(paint.Muted, noValue)
}

func (d *flowDrawer) bytes(l *paint.Line, f *flowRef, _ int) {
	if f.row.Known&(monitor.AttrCountersOrig|monitor.AttrCountersReply) == 0 {
		l.Add(paint.Muted, noValue)
		return
	}
	l.Add(paint.Text, human.Bytes(f.row.Flow.CountersOrig.Bytes+f.row.Flow.CountersReply.Bytes))
}

func (d *flowDrawer) packets(l *paint.Line, f *flowRef, _ int) {
	if f.row.Known&(monitor.AttrCountersOrig|monitor.AttrCountersReply) == 0 {
		l.Add(paint.Muted, noValue)
		return
	}
	l.Add(paint.Text, human.Short(f.row.Flow.CountersOrig.Packets+f.row.Flow.CountersReply.Packets))
}

// age is the time since the flow began; of an ended one, how long it lasted. A
// flow that was there before us is older than we know.
func (d *flowDrawer) age(l *paint.Line, f *flowRef, _ int) {
	end := d.now
	if f.row.Ended() {
		end = f.row.Last
	}
	if born := f.row.Born(); born != 0 {
		l.Add(paint.Text, human.Age(since(born, end)))
		return
	}
	l.Add(paint.Muted, noValue)
}

// left is the time until the flow ends if no packet comes. When it is over and the
// flow is still there, a packet must have come of which nothing told.
func (d *flowDrawer) left(l *paint.Line, f *flowRef, _ int) {
	ends := f.row.Ends()
	if f.row.Ended() || f.row.Known&monitor.AttrTimeout == 0 || ends <= d.now {
		l.Add(paint.Muted, noValue)
		return
	}
	l.Add(paint.Text, human.Age(since(d.now, ends)))
}

func (d *flowDrawer) mark(l *paint.Line, f *flowRef, _ int) {
	if f.row.Flow.Mark != 0 {
		l.Add(paint.Text, hexText(uint64(f.row.Flow.Mark)))
	}
}

func (d *flowDrawer) zone(l *paint.Line, f *flowRef, _ int) {
	l.Add(paint.Text, zoneText(&f.row.Flow))
}

// zoneText is the zone, or the zones of both directions if they differ; "" for
// the default zone.
func zoneText(f *monitor.Flow) string {
	o, r := f.Orig.Zone, f.Reply.Zone
	switch {
	case o == 0 && r == 0:
		return ""
	case o == r:
		return strconv.Itoa(int(o))
	}
	return strconv.Itoa(int(o)) + "/" + strconv.Itoa(int(r))
}

func (d *flowDrawer) helper(l *paint.Line, f *flowRef, _ int) {
	if f.extra != nil && f.row.Known&monitor.AttrHelper != 0 {
		l.Add(paint.Text, monitor.Escape(string(f.extra.Helper)))
	}
}

func (d *flowDrawer) labels(l *paint.Line, f *flowRef, _ int) {
	if f.extra != nil && f.row.Known&monitor.AttrLabels != 0 {
		l.Add(paint.Text, strings.Join(d.s.labelNames(f.extra.Labels), ","))
	}
}

// labelNames names the bits that are set; those without a name have their number.
func (s *session) labelNames(labels []byte) []string {
	names := make(map[int]string, len(s.cfg.Env.Labels))
	for n, bit := range s.cfg.Env.Labels {
		if old, ok := names[bit]; !ok || n < old {
			names[bit] = n
		}
	}
	var out []string
	for bit := range 8 * len(labels) {
		if labels[bit/8]&(1<<(bit%8)) == 0 {
			continue
		}
		if n, ok := names[bit]; ok {
			out = append(out, monitor.Escape(n))
		} else {
			out = append(out, strconv.Itoa(bit))
		}
	}
	return out
}
