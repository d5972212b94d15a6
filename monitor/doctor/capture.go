package doctor

import (
	"fmt"
	"strings"
	"time"

	"natlens/monitor/human"
)

func privilege(s *Snapshot, c *Check) {
	c.Text = "flows, rules and events can be read"
	if s.Denied == "" {
		return
	}
	c.Level, c.Text = Fail, "flows, rules and events can't be read: "+s.Denied
	if s.Place.Sudo {
		c.Command = s.Place.Natlens("doctor")
	} else {
		c.Text += "; root lacks it here, as in a container: start the container with it, and with CAP_BPF for the ring"
	}
}

func conntrack(s *Snapshot, c *Check) {
	c.Text = "the kernel has connection tracking"
	if len(s.Sysctls) == 0 {
		c.Level, c.Text = Fail, "the kernel has no connection tracking: there is no net.netfilter.nf_conntrack_max"
		c.Command = s.shell("modprobe nf_conntrack")
	}
}

// TurnOn is a ruleset that turns connection tracking on and does nothing else. The chain has no
// hook, but a rule with ct state is enough for the kernel to track.
const TurnOn = "add table inet tracking; add chain inet tracking on; add rule inet tracking on ct state new"

// hook checks what turns connection tracking on in a network namespace. Without rules it is
// off.
func hook(s *Snapshot, c *Check) {
	t := &s.Tracking
	left := max(s.Fill.Begin, s.Fill.End)
	c.Evidence["ipv4"], c.Evidence["ipv6"], c.Evidence["rules"] = t.IPv4, t.IPv6, t.Count
	if len(t.By) > 0 {
		c.Evidence["by"] = t.By
	}
	switch {
	case t.Unread != "":
		c.skip(t.Unread)
	case t.Count > 0:
		c.Text = "IPv4 and IPv6 are tracked"
		if !t.IPv6 {
			c.Text = "IPv4 is tracked, IPv6 is not"
		} else if !t.IPv4 {
			c.Text = "IPv6 is tracked, IPv4 is not"
		}
		c.say(", by %s such as %s", human.Plural(t.Count, "rule"), t.By[0])
	case len(t.Legacy) > 0:
		c.Evidence["legacy"] = t.Legacy
		c.say("tracking may be on: iptables-legacy has rules (%s) that can't be read", strings.Join(t.Legacy, ", "))
		if left == 0 && s.Seen == 0 {
			c.Level, c.Command = Warn, s.shell("nft '"+TurnOn+"'")
		}
	case s.Seen > 0:
		c.say("flows are tracked although no nftables rule asks for it (%s in %s): IPVS, Open vSwitch or BPF programs "+
			"do that", human.Plural(s.Seen, "event"), round(s.Span))
	default:
		c.Level, c.Command = Fail, s.shell("nft '"+TurnOn+"'")
		c.Text = "nothing is tracked here: no nftables or iptables rule in this network namespace turns connection " +
			"tracking on"
		if left > 0 {
			c.say("; %s left from before", human.Plural(left, "flow"))
		}
	}
}

func events(s *Snapshot, c *Check) {
	v := s.Sysctls["events"]
	c.Evidence["nf_conntrack_events"], c.Evidence["seen"] = v, s.Seen
	switch v {
	case 0:
		c.Level, c.Text = Fail,
			"flows send no events: nf_conntrack_events is 0; a change affects only flows that begin afterwards"
		c.set(s, "events", 1, true)
	case 1:
		c.Text = "every flow sends events"
	default:
		c.Text = "flows send events if a program listened when they began (nf_conntrack_events is 2)"
		if s.Fill.Begin > 0 {
			c.say("; %s began before natlens and may never send events",
				human.Plural(s.Fill.Begin, "flow"))
			c.set(s, "events", 1, true)
		}
	}
	if v != 0 && s.Denied == "" && s.Span > 0 {
		c.say("; %s in %s", human.Plural(s.Seen, "event"), round(s.Span))
	}
}

func ring(s *Snapshot, c *Check) {
	c.Text = "events come through a BPF ring"
	if s.Capture.NotRing != "" {
		c.Level = Warn
		c.Text = "events come through a socket, which costs more CPU and holds fewer events than the ring: " +
			s.Capture.NotRing
	}
}

// How many bytes of queue an event takes: in a socket buffer its skb (struct sk_buff and a
// kmalloc'ed head of 512 bytes), in the ring the message.
const (
	socketEvent = 1280
	ringEvent   = 160
)

// wantedBuffer is the socket buffer that natlens asks for.
const wantedBuffer = 16 << 20

// queueWarn is how long the queue should last at the observed rate.
const queueWarn = time.Second

func queue(s *Snapshot, c *Check) {
	q := &s.Capture
	each := socketEvent
	if q.Way == "ring" {
		each = ringEvent
	}
	holds, rate := uint64(q.Capacity/each), s.PerSecond(q.Events)
	c.Evidence = map[string]any{
		"way": q.Way, "bytes": q.Capacity, "holds": holds, "events_per_second": rate, "lost": q.Lost,
		"rmem_max": s.RMemMax,
	}
	c.say("the queue (%s of %s) holds %s", q.Way, human.Binary(uint64(q.Capacity)), human.Plural(holds, "event"))
	lasts := queueWarn
	if rate > 0 {
		lasts = time.Duration(float64(holds) / rate * float64(time.Second))
		c.say(", or %s at the %s events/s seen", human.Duration(lasts), human.Count(uint64(rate+0.5)))
	}
	switch {
	case q.Lost > 0:
		c.Level = Fail
		c.say("; %s lost", human.Plural(q.Lost, "event"))
	case lasts < queueWarn:
		c.Level = Warn
	default:
		return
	}
	if q.Way == "socket" && s.RMemMax < wantedBuffer && uint64(q.Capacity) == 2*s.RMemMax { // the kernel doubles it
		c.Command = s.Place.Setting("net.core.rmem_max", wantedBuffer)
	} else {
		c.Command = s.Place.Natlens("watch", "--ring", fmt.Sprint(256<<20), "--buffer-size", fmt.Sprint(256<<20))
	}
}
