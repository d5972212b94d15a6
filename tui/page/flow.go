package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// Flow is a flow with everything known of it at the time of a view.
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

// Values returns the values of fields of a flow, as texts, and a condition of the filter language
// that selects them. Without a value both are empty.
func (s *Session) Values(f *Flow, of ...filter.Field) (texts []string, condition string) {
	var e monitor.Event
	f.Row.Event(f.Index, f.Extra, s.Frame, &e)
	var all []filter.Expr
	for _, field := range of {
		for _, v := range field.Reader(s.Env)(&e, nil) {
			texts, all = append(texts, monitor.Escape(field.Text(v.Value))), append(all, field.Is(v.Value))
		}
	}
	if all == nil {
		return nil, ""
	}
	return texts, filter.AllOf(all...).String()
}

// Condition returns the filter of the flows that have the same in a column with these fields, or
// "". Of the translated ends, ReplyDst and ReplySrc, that may be no translation.
func (s *Session) Condition(f *Flow, of ...filter.Field) (condition string) {
	kind := f.Row.Flow.NAT().Kind
	switch {
	case len(of) == 0:
	case of[0] == filter.FieldState:
		return f.stateFilter()
	case of[0] == filter.FieldReplyDst && kind&monitor.NATSource == 0:
		return "not snat"
	case of[0] == filter.FieldReplySrc && kind&monitor.NATDestination == 0:
		return "not dnat"
	case of[0] == filter.FieldProcess: // the first that is known
		for i := 0; i < len(of) && condition == ""; i++ {
			_, condition = s.Values(f, of[i])
		}
	default:
		_, condition = s.Values(f, of...)
	}
	return condition
}

func (f *Flow) stateFilter() string {
	p, st := f.Row.Flow.Orig.Proto, f.Row.Flow.Status
	n := f.Row.Flow.State.Name(p)
	switch {
	case f.Row.Known&monitor.AttrState != 0 && n != "":
		return p.String() + " and state " + strings.ToLower(n)
	case f.Row.Known&monitor.AttrStatus == 0:
		return ""
	case st.Has(monitor.Assured):
		return "status assured"
	case st.Has(monitor.SeenReply):
		return "status seen_reply and not status assured"
	}
	return "not status seen_reply"
}

// ExactFilter returns a filter for this flow only, by its original tuple.
func (f *Flow) ExactFilter() string {
	t := &f.Row.Flow.Orig
	out := []string{"proto " + t.Proto.String(), "src " + t.Src.String(), "dst " + t.Dst.String()}
	switch {
	case t.Proto.HasPorts():
		out = append(out, "sport "+strconv.Itoa(int(t.SrcPort)), "dport "+strconv.Itoa(int(t.DstPort)))
	case t.Proto.IsICMP():
		out = append(out, "icmp.id "+strconv.Itoa(int(t.ICMPID())))
	case t.Proto == monitor.GRE:
		out = append(out, "srckey "+paint.Hex(uint64(t.SrcPort)), "dstkey "+paint.Hex(uint64(t.DstPort)))
	}
	if t.Zone != 0 {
		out = append(out, "orig.zone "+strconv.Itoa(int(t.Zone)))
	}
	return strings.Join(out, " and ")
}

// Ago returns how long ago something was.
func Ago(now, at monitor.Time) string {
	if d := Since(at, now); d >= time.Second {
		return human.Age(d) + " ago"
	}
	return "now"
}

// NoValue is the text of a cell with an unknown value.
const NoValue = "–"

// Answered reports whether there were packets in both directions; true if the status is
// unknown.
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
		typ := f.Orig.ICMPType()
		return cmp.Or(icmpNames[p][typ], "type "+strconv.Itoa(int(typ)))
	case known&monitor.AttrStatus == 0:
		return NoValue
	case f.Status.Has(monitor.Assured):
		return "assured"
	case f.Status.Has(monitor.SeenReply):
		return "replied"
	}
	return "unreplied"
}

// icmpNames are the kinds of ICMP queries that conntrack makes flows of.
var icmpNames = map[monitor.Proto]map[uint8]string{
	monitor.ICMP:   {8: "echo", 13: "timestamp", 15: "information", 17: "address mask"},
	monitor.ICMPv6: {128: "echo"},
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

// MarkedFlows returns the marked flows as they are now, in the order of their beginning. It removes
// the marks of those that have ended.
func (s *Session) MarkedFlows() (out []Flow) {
	for gen, i := range s.Marked {
		r, x, ok := s.Table.Get(i, gen)
		if !ok || r.Ended() {
			delete(s.Marked, gen)
			continue
		}
		out = append(out, Flow{r, i, x})
	}
	slices.SortFunc(out, func(a, b Flow) int { return cmp.Compare(a.Row.Gen, b.Row.Gen) })
	return out
}
