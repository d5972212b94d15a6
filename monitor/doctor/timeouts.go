package doctor

import (
	"fmt"
	"time"

	"natlens/monitor/human"
)

// established is about the five days for which the kernel keeps a connection
// whose ends went away without a word.
func established(s *Snapshot, l Limits) Check {
	const id, name = "timeout.established", sysctlPrefix + "tcp_timeout_established"
	v, ok := s.Sysctls["tcp_timeout_established"]
	if !ok {
		return skipped(id, "there is no "+name)
	}
	c := Check{ID: id, Evidence: map[string]any{"seconds": v}}
	c.Text = fmt.Sprintf("TCP connections are kept for %s without a packet", spell(time.Duration(v)*time.Second))
	if s.Census == nil {
		return c
	}
	c.Evidence["established"], c.Evidence["idle"] = s.Census.Established, s.Census.Idle
	c.Text += fmt.Sprintf("; %s of %s had none for an hour", human.Count(s.Census.Idle), human.Count(s.Census.Established))
	if s.Census.Idle >= l.IdleHour {
		c.Level = Warn
		c.Text += ": most of such connections are dead; RFC 5382 asks for 2 h 4 min at the least"
		c.set(s, name, 7440, false)
	}
	return c
}

// udp is about the seconds for which unassured UDP flows live.
func udp(s *Snapshot, l Limits) Check {
	const id, name = "timeout.udp", sysctlPrefix + "udp_timeout"
	v, ok := s.Sysctls["udp_timeout"]
	if !ok {
		return skipped(id, "there is no "+name)
	}
	stream := s.Sysctls["udp_timeout_stream"]
	c := Check{ID: id, Evidence: map[string]any{"seconds": v, "stream_seconds": stream}}
	c.Text = fmt.Sprintf("UDP flows live %d s without a packet, %d s once packets went both ways for 2 s", v, stream)
	if s.Census == nil {
		return c
	}
	c.Evidence["dns"], c.Evidence["quiet_protocols"] = s.Census.DNS, s.Census.LongUDP
	if s.Census.DNS > 0 {
		c.Text += fmt.Sprintf("; %s to port 53 need one answer only", human.Plural(s.Census.DNS, "flow"))
	}
	if s.Census.LongUDP >= l.UDPFlows && v <= quietTime {
		c.Level = Warn
		c.Text += fmt.Sprintf("; %s of SIP, STUN, IPsec or a VPN, whose ends keep quiet for as long, lose their way back", human.Plural(s.Census.LongUDP, "flow"))
		c.set(s, name, 120, false)
	}
	return c
}

// quietTime is for how many seconds the ends of such protocols keep quiet: a
// keepalive each 25 to 30 s is usual.
const quietTime = 30
