package page

import (
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

// Flow is a flow and all that was known of it at the time of a view.
type Flow struct {
	Row   table.Row
	Index uint32 // of Row in the table
	Extra *monitor.Extra
}

// Since returns the time from a to b; 0 if either is not known.
func Since(a, b monitor.Time) time.Duration {
	if a == 0 || b == 0 || b < a {
		return 0
	}
	return time.Duration(b - a)
}

// Hex writes a mark or a key.
func Hex(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

// The methods below write one cell of the flow as a condition of the filter language; ""
// if it can't be one.

// ProtoFilter wants the flow's protocol.
func (f *Flow) ProtoFilter() string { return "proto " + f.Row.Flow.Orig.Proto.String() }

// StateFilter wants the flow's state.
func (f *Flow) StateFilter() string {
	p := f.Row.Flow.Orig.Proto
	if n := f.Row.Flow.State.Name(p); f.Row.Known&monitor.AttrState != 0 && n != "" {
		return p.String() + " and state " + strings.ToLower(n)
	}
	switch st := f.Row.Flow.Status; {
	case f.Row.Known&monitor.AttrStatus == 0:
		return ""
	case st.Has(monitor.Assured):
		return "status assured"
	case st.Has(monitor.SeenReply):
		return "status seen_reply and not status assured"
	}
	return "not status seen_reply"
}

// SourceFilter wants the sender.
func (f *Flow) SourceFilter() string { return "src " + f.Row.Flow.Orig.Src.String() }

// SentAsFilter wants the sender's translated address.
func (f *Flow) SentAsFilter() string {
	if f.Row.Flow.NAT().Kind&monitor.NATSource == 0 {
		return "not snat"
	}
	return "reply.dst " + f.Row.Flow.Reply.Dst.String()
}

// DestFilter wants the service: address and port.
func (f *Flow) DestFilter() string {
	t := &f.Row.Flow.Orig
	if t.Proto.HasPorts() {
		return "dst " + t.Dst.String() + " and dport " + strconv.Itoa(int(t.DstPort))
	}
	return "dst " + t.Dst.String()
}

// DeliveredFilter wants the address to which DNAT leads.
func (f *Flow) DeliveredFilter() string {
	if f.Row.Flow.NAT().Kind&monitor.NATDestination == 0 {
		return "not dnat"
	}
	return "reply.src " + f.Row.Flow.Reply.Src.String()
}

// MarkFilter wants the mark.
func (f *Flow) MarkFilter() string { return "mark " + Hex(uint64(f.Row.Flow.Mark)) }

// ZoneFilter wants the zones of both directions.
func (f *Flow) ZoneFilter() string {
	if o, r := f.Row.Flow.Orig.Zone, f.Row.Flow.Reply.Zone; o != r {
		return "orig.zone " + strconv.Itoa(int(o)) + " and reply.zone " + strconv.Itoa(int(r))
	}
	return "zone " + strconv.Itoa(int(f.Row.Flow.Orig.Zone))
}

// HelperFilter wants the helper.
func (f *Flow) HelperFilter() string {
	if f.Extra == nil || f.Row.Known&monitor.AttrHelper == 0 {
		return "not has helper"
	}
	return filter.Text{Field: filter.FieldHelper, Op: filter.Eq, Set: []string{string(f.Extra.Helper)}}.String()
}

// LabelFilter wants the lowest label.
func (f *Flow) LabelFilter() string {
	if f.Extra == nil {
		return ""
	}
	for bit := range 8 * len(f.Extra.Labels) {
		if f.Extra.Labels[bit/8]&(1<<(bit%8)) != 0 {
			return "label " + strconv.Itoa(bit)
		}
	}
	return ""
}

// ExactFilter wants this flow alone: its original tuple.
func (f *Flow) ExactFilter() string {
	t := &f.Row.Flow.Orig
	out := []string{"proto " + t.Proto.String(), "src " + t.Src.String(), "dst " + t.Dst.String()}
	switch {
	case t.Proto.HasPorts():
		out = append(out, "sport "+strconv.Itoa(int(t.SrcPort)), "dport "+strconv.Itoa(int(t.DstPort)))
	case t.Proto.IsICMP():
		out = append(out, "icmp.id "+strconv.Itoa(int(t.ICMPID())))
	case t.Proto == monitor.GRE:
		out = append(out, "srckey "+Hex(uint64(t.SrcPort)), "dstkey "+Hex(uint64(t.DstPort)))
	}
	if t.Zone != 0 {
		out = append(out, "orig.zone "+strconv.Itoa(int(t.Zone)))
	}
	return strings.Join(out, " and ")
}

// Ago writes how long before now something was.
func Ago(now, at monitor.Time) string {
	if d := Since(at, now); d >= time.Second {
		return human.Age(d) + " ago"
	}
	return "now"
}
