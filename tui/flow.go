package tui

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// askCopy offers texts about flows to copy. The terminal copies them (OSC 52), which works
// over SSH. enter is Config.Enter.
func askCopy(s *page.Session, flows []page.Flow, enter func(monitor.NetNS) string) {
	var filters, deletes, captures []string
	for i := range flows {
		fl, prefix := &flows[i].Row.Flow, ""
		if enter != nil {
			prefix = enter(fl.Orig.NetNS)
		}
		filters = append(filters, flows[i].ExactFilter())
		deletes = append(deletes, prefix+deleteCommand(fl))
		for _, c := range tcpdumpCommands(fl) {
			captures = append(captures, prefix+c)
		}
	}
	choice := func(key, text, what string, lines ...string) page.Choice {
		return page.Choice{Key: key, Text: text, Act: func() tea.Cmd {
			s.Report(paint.New, "copied "+what+": "+strings.Join(lines, "  |  "))
			return tea.SetClipboard(strings.Join(lines, "\n"))
		}}
	}
	s.Root.Ask(page.AskKey("copy as",
		choice("f", "filter", "the filter", strings.Join(filters, " or ")),
		choice("c", "conntrack -D", "the command", deletes...),
		choice("t", "tcpdump", "the commands", captures...)))
}

// deleteCommand returns the conntrack(8) command that deletes the flow.
func deleteCommand(f *monitor.Flow) string {
	t := &f.Orig
	out := []string{"conntrack -D"}
	if t.Family == monitor.IPv6 {
		out = append(out, "-f ipv6")
	}
	out = append(out, "-p "+t.Proto.String(), "-s "+t.Src.String(), "-d "+t.Dst.String())
	switch {
	case t.Proto.HasPorts():
		out = append(out, fmt.Sprintf("--sport %d --dport %d", t.SrcPort, t.DstPort))
	case t.Proto.IsICMP():
		out = append(out, fmt.Sprintf("--%[1]s-type %[2]d --%[1]s-code %[3]d --%[1]s-id %[4]d", t.Proto, t.ICMPType(),
			t.ICMPCode(), t.ICMPID()))
	case t.Proto == monitor.GRE:
		out = append(out, fmt.Sprintf("--srckey %d --dstkey %d", t.SrcPort, t.DstPort))
	}
	if t.Zone != 0 {
		out = append(out, fmt.Sprintf("--orig-zone %d", t.Zone))
	}
	return strings.Join(out, " ")
}

// tcpdumpCommands returns commands that capture the flow's packets before NAT, and after NAT if
// there is NAT.
func tcpdumpCommands(f *monitor.Flow) []string {
	p := f.Orig.Proto
	before := tcpdumpCommand(p, f.From(), f.To())
	after := tcpdumpCommand(p, f.SentAs(), f.DeliveredTo())
	if before == after || f.Reply.Family == 0 {
		return []string{before}
	}
	return []string{before, after}
}

func tcpdumpCommand(p monitor.Proto, a, b monitor.Endpoint) string {
	proto, ports := "", ""
	switch {
	case p == monitor.TCP || p == monitor.UDP || p == monitor.SCTP:
		proto, ports = p.String(), fmt.Sprintf(" and port %d and port %d", a.Port, b.Port)
	case p == monitor.ICMP:
		proto = fmt.Sprintf("icmp and icmp[4:2] == %d", a.Port)
	case p == monitor.ICMPv6:
		proto = fmt.Sprintf("icmp6 and ip6[44:2] == %d", a.Port)
	case a.Addr.Is4():
		proto = fmt.Sprintf("ip proto %d", p)
	default:
		proto = fmt.Sprintf("ip6 proto %d", p)
	}
	return fmt.Sprintf("tcpdump -n -i any '%s and host %s and host %s%s'", proto, a.Addr, b.Addr, ports)
}

// deleteLimit is the timeout of a deletion.
const deleteLimit = 5 * time.Second

// askDelete asks before flows are deleted.
func askDelete(s *page.Session, flows []page.Flow, deleter Deleter) {
	f := flows[0]
	fl := &f.Row.Flow
	p := fl.Orig.Proto
	text := p.String() + " " + paint.End(p, fl.From()).String() + " → " + paint.End(p, fl.To()).String()
	if len(flows) > 1 {
		text = human.Plural(len(flows), "marked flow")
	} else if f.Row.Ended() {
		s.Report(paint.Muted, text+" has already ended")
		return
	}
	where := "in the kernel?"
	if name := s.NetNS(fl.Orig.NetNS); name != "" && len(flows) == 1 {
		where = "in netns " + name + "?"
	}
	s.Root.Ask(page.AskKey("delete "+text+" "+where, page.Choice{Key: "y", Text: "yes", Act: func() tea.Cmd {
		return page.Do(func() func() {
			var failed error
			left := 0
			for i := range flows {
				ctx, cancel := context.WithTimeout(s.Context, deleteLimit)
				if err := deleter.Delete(ctx, &flows[i].Row.Flow, flows[i].Row.Known); err != nil {
					failed, left = cmp.Or(failed, err), left+1
				}
				cancel()
			}
			if failed != nil {
				what := "not deleted: " + monitor.Escape(failed.Error())
				if len(flows) > 1 {
					what = human.Count(uint64(left)) + " of " + text + " " + what
				}
				return func() { s.Report(paint.Bad, what) }
			}
			return func() { s.Report(paint.New, "deleted "+text); clear(s.Marked) }
		})
	}}))
}

// findRules asks which rules decide about the flow of the detail, and adds them to its walk.
func (m *Model) findRules() tea.Cmd {
	f := m.detail.Flow
	w := monitor.NewWalk(&f.Row.Flow)
	return page.Do(func() func() {
		rules, err := m.cfg.Rules(&w)
		return func() {
			if err != nil {
				m.s.Report(paint.Bad, "rules not read: "+monitor.Escape(err.Error()))
				return
			}
			if len(rules) == 0 {
				m.s.Report(paint.Muted, "no rule decides about this flow")
			}
			m.detail.Decide(f, rules)
		}
	})
}
