package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/paint"
)

// copyPrompt offers the flow under the cursor as something to paste elsewhere.
// The terminal does the copying (OSC 52): it works over SSH.
func (s *session) copyPrompt(f flowRef) *prompt {
	put := func(what, text string) func() tea.Cmd {
		return func() tea.Cmd {
			s.tell(paint.New, "copied "+what+": "+strings.ReplaceAll(text, "\n", "  |  "))
			return tea.SetClipboard(text)
		}
	}
	return askKey("copy as",
		choice{"f", "filter", put("the filter", exactFilter(&f))},
		choice{"c", "conntrack -D", put("the command", s.inNetNS(&f.row.Flow, deleteCommand(&f.row.Flow)))},
		choice{"t", "tcpdump", put("the commands", s.inNetNS(&f.row.Flow, tcpdumpCommands(&f.row.Flow)...))},
	)
}

// inNetNS are commands, a line each, as they have to be typed to see the flow.
func (s *session) inNetNS(f *monitor.Flow, commands ...string) string {
	prefix := ""
	if s.cfg.Enter != nil {
		prefix = s.cfg.Enter(f.Orig.NetNS)
	}
	return prefix + strings.Join(commands, "\n"+prefix)
}

// deleteCommand is the conntrack(8) command that deletes the flow.
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
	case t.Proto == monitor.ICMP:
		out = append(out, fmt.Sprintf("--icmp-type %d --icmp-code %d --icmp-id %d", t.ICMPType(), t.ICMPCode(), t.ICMPID()))
	case t.Proto == monitor.ICMPv6:
		out = append(out, fmt.Sprintf("--icmpv6-type %d --icmpv6-code %d --icmpv6-id %d", t.ICMPType(), t.ICMPCode(), t.ICMPID()))
	case t.Proto == monitor.GRE:
		out = append(out, fmt.Sprintf("--srckey %d --dstkey %d", t.SrcPort, t.DstPort))
	}
	if t.Zone != 0 {
		out = append(out, fmt.Sprintf("--orig-zone %d", t.Zone))
	}
	return strings.Join(out, " ")
}

// tcpdumpCommands catch the flow's packets: before the NAT, and if there is one,
// after it.
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
	proto := fmt.Sprintf("proto %d", p)
	switch p {
	case monitor.TCP, monitor.UDP, monitor.SCTP:
		proto = p.String()
	case monitor.ICMP:
		proto = fmt.Sprintf("icmp and icmp[4:2] == %d", a.Port)
	case monitor.ICMPv6:
		proto = fmt.Sprintf("icmp6 and ip6[44:2] == %d", a.Port)
	}
	if strings.HasPrefix(proto, "proto") && !a.Addr.Is4() {
		proto = "ip6 " + proto
	} else if strings.HasPrefix(proto, "proto") {
		proto = "ip " + proto
	}
	ends := fmt.Sprintf("host %s and host %s", a.Addr, b.Addr)
	if p == monitor.TCP || p == monitor.UDP || p == monitor.SCTP {
		ends += fmt.Sprintf(" and port %d and port %d", a.Port, b.Port)
	}
	return fmt.Sprintf("tcpdump -n -i any '%s and %s'", proto, ends)
}
