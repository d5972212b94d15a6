package page

import (
	"strconv"

	"natlens/monitor"
	"natlens/monitor/table"
)

// NoValue is what a cell has whose value is not known.
const NoValue = "–"

// Answered reports whether packets went both ways; true if the status is not known.
func Answered(r *table.Row) bool {
	return r.Known&monitor.AttrStatus == 0 || r.Flow.Status.Has(monitor.SeenReply)
}

// StateText is the kernel's name of the state. Protocols without states have the kind of
// ICMP query or what the status bits say.
func StateText(f *monitor.Flow, known monitor.Attrs) string {
	p := f.Orig.Proto
	switch {
	case known&monitor.AttrState != 0:
		if n := f.State.Name(p); n != "" {
			return n
		}
		return strconv.Itoa(int(f.State))
	case p.HasState():
		return NoValue
	case p.IsICMP():
		return icmpText(f.Orig.ICMPType(), p)
	case known&monitor.AttrStatus == 0:
		return NoValue
	case f.Status.Has(monitor.Assured):
		return "assured"
	case f.Status.Has(monitor.SeenReply):
		return "replied"
	}
	return "unreplied"
}

// icmpText names the kinds of ICMP queries that conntrack makes flows of.
func icmpText(typ uint8, p monitor.Proto) string {
	switch {
	case p == monitor.ICMP && typ == 8, p == monitor.ICMPv6 && typ == 128:
		return "echo"
	case p == monitor.ICMP && typ == 13:
		return "timestamp"
	case p == monitor.ICMP && typ == 15:
		return "information"
	case p == monitor.ICMP && typ == 17:
		return "address mask"
	}
	return "type " + strconv.Itoa(int(typ))
}

// ZoneText is the zone, or the zones of both directions if they differ; "" for the
// default zone.
func ZoneText(f *monitor.Flow) string {
	o, r := f.Orig.Zone, f.Reply.Zone
	switch {
	case o == 0 && r == 0:
		return ""
	case o == r:
		return strconv.Itoa(int(o))
	}
	return strconv.Itoa(int(o)) + "/" + strconv.Itoa(int(r))
}
