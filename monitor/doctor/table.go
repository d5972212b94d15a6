package doctor

import (
	"time"

	"natlens/monitor/human"
)

// Thresholds of the checks of the table. docs/doctor.md has the reasons.
const (
	fillWarn, fillFail       = 80, 95           // share of nf_conntrack_max, in percent
	fullWarn                 = 10 * time.Minute // until the table is full
	growthMin                = 0.1              // growth as a share of nf_conntrack_max, in percent
	chainWarn, chainFail     = 4, 16            // entries per bucket
	reclaimFill, reclaimWarn = 50, 50           // share of nf_conntrack_max, and of the flows, in percent
	idleWarn                 = 1000             // ESTABLISHED flows without a packet for an hour
	quietWarn                = 10               // UDP flows of protocols that are silent for long
	quietTime                = 30               // seconds of silence: a keepalive every 25 to 30 s is usual
)

func table(s *Snapshot, c *Check) {
	f := &s.Fill
	c.Evidence["entries"] = f.End
	c.Text = human.Plural(f.End, "flow")
	if f.Max == 0 {
		return
	}
	full := percent(f.End, f.Max)
	c.Evidence["max"], c.Evidence["percent"] = f.Max, full
	c.say(" of %s, %.1f %% full", human.Count(f.Max), full)
	switch {
	case full >= fillFail:
		c.Level, c.Command = Fail, raiseMax(s)
		c.Text += ": a full table evicts flows without a reply, and then drops new connections"
	case full >= fillWarn:
		c.Level, c.Command = Warn, raiseMax(s)
	}
}

func growth(s *Snapshot, c *Check) {
	perMinute := s.PerMinute()
	c.Evidence["per_minute"] = perMinute
	c.say("the table changed by %+.0f flows a minute", perMinute)
	grown := float64(s.Fill.End) - float64(s.Fill.Begin)
	if s.Fill.Max == 0 || grown*100 < growthMin*float64(s.Fill.Max) || grown <= 0 {
		return
	}
	left := time.Duration(float64(s.Fill.Max-min(s.Fill.End, s.Fill.Max)) / perMinute * float64(time.Minute))
	c.Evidence["full_in_seconds"] = left.Seconds()
	c.say(": full in %s at this rate", human.AppendDuration(nil, left))
	if left < fullWarn {
		c.Level, c.Command = Warn, raiseMax(s)
	}
}

// buckets checks the length of the chains that each look-up follows. Each flow is in the table
// twice, once for each direction.
func buckets(s *Snapshot, c *Check) {
	n := s.Sysctls["buckets"]
	if n == 0 {
		c.skip("the number of buckets can't be read here")
		return
	}
	chain := 2 * float64(s.Fill.End) / float64(n)
	c.Evidence["buckets"], c.Evidence["chain"] = n, chain
	c.say("%.2f entries per hash bucket (of %s, which all network namespaces share)", chain, human.Count(n))
	switch {
	case chain >= chainFail:
		c.Level, c.Command = Fail, raiseBuckets(s)
		c.Text += ": the kernel drops packets if a chain has more than 50"
	case chain >= chainWarn:
		c.Level, c.Command = Warn, raiseBuckets(s)
		c.Text += ": the look-up of every packet walks such a chain"
	}
}

func reclaim(s *Snapshot, c *Check) {
	n := s.Counts
	could := n.Unreplied + n.TimeWait
	c.Evidence["unreplied"], c.Evidence["time_wait"], c.Evidence["flows"] = n.Unreplied, n.TimeWait, n.Flows
	c.say("%.0f %% of the flows could be deleted: %s without a reply, %s in TIME_WAIT", percent(could, n.Flows),
		human.Count(n.Unreplied), human.Count(n.TimeWait))
	if s.Fill.Max == 0 || could == 0 || percent(s.Fill.End, s.Fill.Max) < reclaimFill ||
		percent(could, n.Flows) < reclaimWarn {
		return
	}
	c.Level = Warn
	if n.TimeWait > n.Unreplied {
		c.set(s, "tcp_timeout_time_wait", 30, false)
	} else {
		c.Command = s.Place.Natlens("delete", "unreplied")
	}
}

// established checks the timeout, five days by default, of a connection that ended without
// closing.
func established(s *Snapshot, c *Check) {
	v := s.Sysctls["tcp_timeout_established"]
	c.Evidence["seconds"] = v
	c.say("TCP connections are kept for %s without a packet", human.AppendDuration(nil, time.Duration(v)*time.Second))
	if s.Counts == nil {
		return
	}
	c.Evidence["established"], c.Evidence["idle"] = s.Counts.Established, s.Counts.Idle
	c.say("; %s of %s had none for an hour", human.Count(s.Counts.Idle), human.Count(s.Counts.Established))
	if s.Counts.Idle >= idleWarn {
		c.Level = Warn
		c.Text += ": most of these are dead; RFC 5382 asks for at least 2 h 4 min"
		c.set(s, "tcp_timeout_established", 7440, false)
	}
}

// quiet are the ports of UDP protocols that are silent for about as long as the kernel keeps an
// unassured flow: SIP, STUN, IKE, IPsec over UDP, OpenVPN, WireGuard.
var quiet = map[uint16]bool{5060: true, 3478: true, 500: true, 4500: true, 1194: true, 51820: true}

// udp checks the timeout of unassured UDP flows.
func udp(s *Snapshot, c *Check) {
	v, stream := s.Sysctls["udp_timeout"], s.Sysctls["udp_timeout_stream"]
	c.Evidence["seconds"], c.Evidence["stream_seconds"] = v, stream
	c.say("UDP flows are kept for %d s without a packet, and for %d s after packets in both directions for 2 s", v,
		stream)
	if s.Counts == nil {
		return
	}
	c.Evidence["dns"], c.Evidence["quiet_protocols"] = s.Counts.DNS, s.Counts.QuietUDP
	if s.Counts.DNS > 0 {
		c.say("; %s to port 53 need one answer only", human.Plural(s.Counts.DNS, "flow"))
	}
	if s.Counts.QuietUDP >= quietWarn && v <= quietTime {
		c.Level = Warn
		c.say("; %s of SIP, STUN, IPsec or VPNs, which are silent for longer, stop working",
			human.Plural(s.Counts.QuietUDP, "flow"))
		c.set(s, "udp_timeout", 120, false)
	}
}

func raiseMax(s *Snapshot) string {
	if s.Fill.Max == 0 {
		return ""
	}
	return s.host(sysctlPrefix+"max", 2*s.Fill.Max)
}

func raiseBuckets(s *Snapshot) string {
	return s.host(sysctlPrefix+"buckets", max(2*s.Sysctls["buckets"], s.Fill.End))
}
