package doctor

import (
	"fmt"
	"math"
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
	grown := float64(s.Fill.End) - float64(s.Fill.Begin)
	perMinute := 0.0
	if s.Span > 0 {
		perMinute = grown / s.Span.Minutes()
	}
	c.Evidence["per_minute"] = perMinute
	verb := "grows"
	if perMinute < 0 {
		verb = "shrinks"
	}
	c.say("the table %s by %s flows a minute", verb, human.Count(uint64(math.Round(math.Abs(perMinute)))))
	if s.Fill.Max == 0 || grown*100 < growthMin*float64(s.Fill.Max) || grown <= 0 {
		return
	}
	left := time.Duration(float64(s.Fill.Max-min(s.Fill.End, s.Fill.Max)) / perMinute * float64(time.Minute))
	c.Evidence["full_in_seconds"] = left.Seconds()
	c.say(": full in %s at this rate", human.Duration(left))
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
	c.say("TCP connections are kept for %s without a packet", human.Duration(time.Duration(v)*time.Second))
	if s.Counts == nil {
		return
	}
	c.Evidence["established"], c.Evidence["idle"] = s.Counts.Established, s.Counts.Idle
	c.say("; %s of %s connections had no packet for an hour", human.Count(s.Counts.Idle),
		human.Count(s.Counts.Established))
	if s.Counts.Idle >= idleWarn {
		c.Level = Warn
		c.Text += ": most of these are dead; RFC 5382 asks for at least 2 h 4 min"
		c.set(s, "tcp_timeout_established", 7440, false)
	}
}

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
		c.say("; %s to port 53 (DNS) need only one answer", human.Plural(s.Counts.DNS, "flow"))
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
	return s.Place.Setting(sysctlPrefix+"max", 2*s.Fill.Max)
}

func raiseBuckets(s *Snapshot) string {
	return s.Place.Setting(sysctlPrefix+"buckets", max(2*s.Sysctls["buckets"], s.Fill.End))
}

// counter is the check of a kernel counter.
type counter struct {
	word       string // conntrack(8)'s name
	means      string // what it means if the counter grows
	command    func(*Snapshot) string
	warn, fail float64 // growth per second; 0: never
}

// anyMove is less than an increase by one in the longest useful run.
const anyMove = 1e-9

var counters = []counter{
	{"drop", "packets are dropped because the table is full or memory is short", raiseMax, anyMove, anyMove},
	{"early_drop", "flows without a reply are dropped from a full table to make space", raiseMax, anyMove, anyMove},
	{"insert_failed", "new flows are dropped because another packet's flow was first, or NAT found no free port",
		newFlows, anyMove, 10},
	{"chaintoolong", "new flows are dropped because their hash bucket is full", raiseBuckets, anyMove, anyMove},
	{"clash_resolve", "several packets began one flow at once (as DNS clients do), and the kernel merged them",
		newFlows, 10, 0},
	{"search_restart", "look-ups start again because entries moved meanwhile", raiseBuckets, 1000, 0},
	{"invalid", "packets belong to no connection that the kernel can follow: out of window, or routed another way back",
		logInvalid, 10, 0},
	{"error", "ICMP messages are malformed, or report an error of a flow that is not in the table", logInvalid, 10, 0},
}

// newFlows returns a command that shows new flows: no setting stops these counters.
func newFlows(s *Snapshot) string { return s.Place.Natlens("watch", "event", "new") }

// logInvalid returns a command that makes the kernel log the reason. In a network namespace the
// kernel logs nothing unless the host allows it.
func logInvalid(s *Snapshot) string {
	command := s.shell("sysctl -w " + sysctlPrefix + "log_invalid=255")
	if s.Place.Prefix != "" || !s.Place.Host && !s.Place.Sudo {
		command = s.Place.Setting("net.netfilter.nf_log_all_netns", 1) + " && " + command
	}
	return command
}

func (m *counter) check(s *Snapshot, c *Check) {
	v, ok := s.Counters[m.word]
	if !ok {
		c.skip("this kernel does not have this counter")
		return
	}
	moved := s.moved(m.word)
	rate := s.PerSecond(moved)
	if c.Means = m.means; v.Moved > 0 && moved == 0 {
		c.Means = "each also counts in insert_failed"
	}
	c.Evidence["moved"], c.Evidence["per_second"], c.Evidence["total"] = v.Moved, rate, v.Total
	switch {
	case v.Moved == 0:
		c.say("%s stayed at %s", m.word, human.Count(v.Total))
	case moved == 0:
		c.say("%s grew by %s in %s: %s", m.word, human.Count(v.Moved), round(s.Span), c.Means)
	default:
		c.say("%s grew by %s in %s, %s a second: %s", m.word, human.Count(moved), round(s.Span), perSecond(rate),
			c.Means)
	}
	switch {
	case m.fail > 0 && rate >= m.fail:
		c.Level, c.Command = Fail, m.command(s)
	case rate >= m.warn:
		c.Level, c.Command = Warn, m.command(s)
	}
}

// moved returns how much a counter grew. The kernel counts an entry that it could not insert
// twice, in insert_failed and in drop or chaintoolong; the result for drop does not contain
// these.
func (s *Snapshot) moved(word string) uint64 {
	n := s.Counters[word].Moved
	if word != "drop" {
		return n
	}
	failed, long := s.Counters["insert_failed"].Moved, s.Counters["chaintoolong"].Moved
	failed -= min(failed, long)
	return n - min(n, failed)
}

// perSecond writes a rate, with two digits if it is small.
func perSecond(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.2g", rate)
	}
	return human.Count(uint64(rate + 0.5))
}
