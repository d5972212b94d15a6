package tui

import (
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// The functions of this file write a cell as a condition of the filter language:
// what "only this value" adds to the filter.

func protoFilter(f *flowRef) string { return "proto " + f.row.Flow.Orig.Proto.String() }

func stateFilter(f *flowRef) string {
	p := f.row.Flow.Orig.Proto
	if n := f.row.Flow.State.Name(p); f.row.Known&monitor.AttrState != 0 && n != "" {
		return p.String() + " and state " + strings.ToLower(n)
	}
	switch st := f.row.Flow.Status; {
	case f.row.Known&monitor.AttrStatus == 0:
		return ""
	case st.Has(monitor.Assured):
		return "status assured"
	case st.Has(monitor.SeenReply):
		return "status seen_reply and not status assured"
	}
	return "not status seen_reply"
}

func sourceFilter(f *flowRef) string { return "src " + f.row.Flow.Orig.Src.String() }

func sentAsFilter(f *flowRef) string {
	if f.row.Flow.NAT().Kind&monitor.NATSource == 0 {
		return "not snat"
	}
	return "reply.dst " + f.row.Flow.Reply.Dst.String()
}

// destFilter is the service: address and port.
func destFilter(f *flowRef) string {
	t := &f.row.Flow.Orig
	if t.Proto.HasPorts() {
		return "dst " + t.Dst.String() + " and dport " + strconv.Itoa(int(t.DstPort))
	}
	return "dst " + t.Dst.String()
}

func deliveredFilter(f *flowRef) string {
	if f.row.Flow.NAT().Kind&monitor.NATDestination == 0 {
		return "not dnat"
	}
	return "reply.src " + f.row.Flow.Reply.Src.String()
}

func markFilter(f *flowRef) string { return "mark " + hexText(uint64(f.row.Flow.Mark)) }

func zoneFilter(f *flowRef) string {
	if o, r := f.row.Flow.Orig.Zone, f.row.Flow.Reply.Zone; o != r {
		return "orig.zone " + strconv.Itoa(int(o)) + " and reply.zone " + strconv.Itoa(int(r))
	}
	return "zone " + strconv.Itoa(int(f.row.Flow.Orig.Zone))
}

func helperFilter(f *flowRef) string {
	if f.extra == nil || f.row.Known&monitor.AttrHelper == 0 {
		return "not has helper"
	}
	return filter.Text{Field: filter.FieldHelper, Op: filter.Eq, Set: []string{string(f.extra.Helper)}}.String()
}

func labelFilter(f *flowRef) string {
	if f.extra == nil {
		return ""
	}
	for bit := range 8 * len(f.extra.Labels) {
		if f.extra.Labels[bit/8]&(1<<(bit%8)) != 0 {
			return "label " + strconv.Itoa(bit)
		}
	}
	return ""
}

// exactFilter is the filter that wants this one flow: its original tuple.
func exactFilter(f *flowRef) string {
	t := &f.row.Flow.Orig
	out := []string{"proto " + t.Proto.String(), "src " + t.Src.String(), "dst " + t.Dst.String()}
	switch {
	case t.Proto.HasPorts():
		out = append(out, "sport "+strconv.Itoa(int(t.SrcPort)), "dport "+strconv.Itoa(int(t.DstPort)))
	case t.Proto.IsICMP():
		out = append(out, "icmp.id "+strconv.Itoa(int(t.ICMPID())))
	case t.Proto == monitor.GRE:
		out = append(out, "srckey "+hexText(uint64(t.SrcPort)), "dstkey "+hexText(uint64(t.DstPort)))
	}
	if t.Zone != 0 {
		out = append(out, "orig.zone "+strconv.Itoa(int(t.Zone)))
	}
	return strings.Join(out, " and ")
}
