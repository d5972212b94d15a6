package doctor

import (
	"fmt"
	"strings"
	"time"

	"natlens/monitor/human"
)

// privilege is about the right to look at all.
func privilege(s *Snapshot, _ Limits) Check {
	c := Check{ID: "privilege", Text: "flows, rules and events can be read"}
	if s.Denied != "" {
		c.Level, c.Text = Fail, "flows, rules and events can't be read: "+s.Denied
		if s.Place.Sudo {
			c.Command = s.Place.Natlens("doctor")
		} else {
			c.Text += "; root lacks it here, as in a container: start that with it, and with CAP_BPF for the ring"
		}
	}
	return c
}

func conntrack(s *Snapshot, _ Limits) Check {
	c := Check{ID: "conntrack", Text: "the kernel has connection tracking"}
	if len(s.Sysctls) == 0 {
		c.Level, c.Text = Fail, "the kernel has no connection tracking: there is no net.netfilter.nf_conntrack_max"
		c.Command = s.shell("modprobe nf_conntrack")
	}
	return c
}

// TurnOn is the ruleset that turns connection tracking on and does nothing else:
// no packet passes the chain, for it has no hook, but its rule is one that makes
// the kernel track.
const TurnOn = "add table inet tracking; add chain inet tracking on; add rule inet tracking on ct state new"

// hook is about what turns conntrack on in a namespace: it is off in one without.
func hook(s *Snapshot, _ Limits) Check {
	const id = "hook"
	t := &s.Tracking
	seen := max(s.Fill.Begin, s.Fill.End)
	c := Check{ID: id, Evidence: map[string]any{"ipv4": t.IPv4, "ipv6": t.IPv6, "rules": t.Count}}
	if len(t.By) > 0 {
		c.Evidence["by"] = t.By
	}
	switch {
	case s.Denied != "":
		return skipped(id, unprivileged)
	case t.Unread != "":
		return skipped(id, t.Unread)
	case t.Count > 0:
		families := "IPv4 and IPv6 are tracked"
		if !t.IPv6 {
			families = "IPv4 is tracked, IPv6 is not"
		} else if !t.IPv4 {
			families = "IPv6 is tracked, IPv4 is not"
		}
		c.Text = fmt.Sprintf("%s: %s, such as %s", families, have(t.Count, "rule turns it on", "rules turn it on"), t.By[0])
	case len(t.Legacy) > 0:
		c.Evidence["legacy"] = t.Legacy
		c.Text = fmt.Sprintf("tracking may be turned on by iptables-legacy, which has %s: its rules can't be read", strings.Join(t.Legacy, ", "))
		if seen == 0 && s.Capture.Events == 0 {
			c.Level = Warn
			c.Command = s.shell("nft '" + TurnOn + "'")
		}
	case s.Capture.Events > 0:
		c.Text = fmt.Sprintf("flows are tracked, though no rule of nftables asks for it: %s in %s; IPVS, Open vSwitch or BPF do that",
			human.Plural(s.Capture.Events, "event"), round(s.Look))
	default:
		c.Level = Fail
		c.Text = "nothing is tracked here: no rule of nftables or iptables in this network namespace turns conntrack on"
		if seen > 0 {
			c.Text += fmt.Sprintf("; %s left from before", have(int(seen), "flow is", "flows are"))
		}
		c.Command = s.shell("nft '" + TurnOn + "'")
	}
	return c
}

// have is a number with what so many do.
func have(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return human.Count(uint64(n)) + " " + more
}

func events(s *Snapshot, _ Limits) Check {
	const id, name = "events", sysctlPrefix + "events"
	v, ok := s.Sysctls["events"]
	if !ok {
		return skipped(id, "there is no "+name)
	}
	c := Check{ID: id, Evidence: map[string]any{"nf_conntrack_events": v, "seen": s.Capture.Events}}
	switch v {
	case 0:
		c.Level, c.Text = Fail, "no flow sends events: nf_conntrack_events is 0; flows that begin from its change on do"
		c.set(s, name, 1, true)
	case 1:
		c.Text = "every flow sends events"
	default:
		c.Text = "flows send events if somebody listened when they began (nf_conntrack_events is 2)"
		if s.Fill.Begin > 0 {
			c.Text += fmt.Sprintf("; of %s that were there before the look, those that began unheard stay silent to their end", human.Plural(s.Fill.Begin, "flow"))
			c.set(s, name, 1, true)
		}
	}
	if v != 0 && s.Denied == "" && s.Look > 0 {
		c.Text += fmt.Sprintf("; %s in %s", human.Plural(s.Capture.Events, "event"), round(s.Look))
	}
	return c
}

// round is a duration as it is said.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

func ring(s *Snapshot, _ Limits) Check {
	const id = "ring"
	if s.Denied != "" {
		return skipped(id, unprivileged)
	}
	c := Check{ID: id, Text: "events come through a BPF ring"}
	if s.Capture.NotRing != "" {
		c.Level, c.Text = Warn, "events come through a socket, which costs more and holds less than the ring: "+s.Capture.NotRing
	}
	return c
}

// Bytes of queue that an event takes: on a socket those of its skb (struct
// sk_buff and a kmalloc'ed head of 512 bytes), in the ring those of the message.
const (
	socketEvent = 1280
	ringEvent   = 160
)

// WantedBuffer is the socket buffer that natlens asks for.
const WantedBuffer = 16 << 20

func queue(s *Snapshot, l Limits) Check {
	const id = "queue"
	if s.Denied != "" {
		return skipped(id, unprivileged)
	}
	each := socketEvent
	if s.Capture.Way == "ring" {
		each = ringEvent
	}
	holds := uint64(s.Capture.Capacity / each)
	rate := s.PerSecond(s.Capture.Events)
	c := Check{ID: id, Evidence: map[string]any{
		"way": s.Capture.Way, "bytes": s.Capture.Capacity, "holds": holds, "events_per_second": rate, "lost": s.Capture.Lost, "rmem_max": s.RMemMax,
	}}
	c.Text = fmt.Sprintf("the queue (%s of %s bytes) holds %s", s.Capture.Way, human.Count(uint64(s.Capture.Capacity)), human.Plural(holds, "event"))
	lasts := time.Duration(0)
	if rate > 0 {
		lasts = time.Duration(float64(holds) / rate * float64(time.Second))
		c.Text += fmt.Sprintf(", %s of the %.0f events/s seen", spell(lasts), rate)
	}
	switch {
	case s.Capture.Lost > 0:
		c.Level = Fail
		c.Text += fmt.Sprintf("; %s lost", have(int(s.Capture.Lost), "event was", "events were"))
	case rate > 0 && lasts < l.QueueWarn:
		c.Level = Warn
	}
	if c.Level != OK && s.Capture.Way == "socket" && s.RMemMax < WantedBuffer && uint64(s.Capture.Capacity) == 2*s.RMemMax { // as the kernel counts
		c.Command = s.host("net.core.rmem_max", WantedBuffer)
	} else if c.Level != OK {
		c.Command = s.Place.Natlens("watch", "--ring", fmt.Sprint(256<<20), "--buffer-size", fmt.Sprint(256<<20))
	}
	return c
}

// spell writes a long duration in its largest unit.
func spell(d time.Duration) string {
	switch {
	case d < time.Minute:
		return round(d).String()
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
