package jsonl

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
)

// time reads an RFC 3339 time; "" is 0, no time.
func (c *converter) time(name, s string) monitor.Time {
	if s == "" {
		return 0
	}
	t, err := time.Parse(time.RFC3339, s)
	n := t.UnixNano()
	if err != nil || !time.Unix(0, n).Equal(t) { // nanoseconds reach from 1678 to 2261
		c.fail(name, s, "not a time")
	}
	return monitor.Time(n)
}

// addr reads an address; "" is the zero address.
func (c *converter) addr(name, s string) monitor.Addr {
	if s == "" {
		return monitor.Addr{}
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		c.fail(name, s, "not an address")
	}
	return monitor.AddrFrom(a)
}

// status reads the names of status bits. Bits without a name are one hex number.
func (c *converter) status(names []string) (s monitor.Status) {
next:
	for _, name := range names {
		for i, known := range monitor.StatusNames() {
			if known == name {
				s |= 1 << i
				continue next
			}
		}
		digits, hex := strings.CutPrefix(name, "0x")
		bits, err := strconv.ParseUint(digits, 16, 32)
		if !hex || err != nil {
			c.fail("status", name, "not a status bit")
		}
		s |= monitor.Status(bits)
	}
	return s
}

// stateNamed reads the name of a protocol's state, or its number where it has no name.
func stateNamed(p monitor.Proto, name string) (monitor.State, bool) {
	for i, known := range monitor.StateNames(p) {
		if strings.EqualFold(known, name) {
			return monitor.State(i), true
		}
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return monitor.State(n), err == nil
}

// KindNamed returns [monitor.KindNone] for a word that is not an event.
func KindNamed(name string) monitor.Kind {
	for k := monitor.KindNew; k <= monitor.KindNetNSEnd; k++ {
		if k.String() == name {
			return k
		}
	}
	return monitor.KindNone
}

// TimeSourceNamed returns [monitor.TimeUnknown] for other words.
func TimeSourceNamed(name string) monitor.TimeSource {
	for s := monitor.TimeKernel; s <= monitor.TimeReceived; s++ {
		if s.String() == name {
			return s
		}
	}
	return monitor.TimeUnknown
}

func familyNamed(name string) monitor.Family {
	switch name {
	case "ipv4":
		return monitor.IPv4
	case "ipv6":
		return monitor.IPv6
	}
	return 0
}

func pathNamed(name string) monitor.Path {
	for p := monitor.PathForward; p <= monitor.PathLoop; p++ {
		if p.String() == name {
			return p
		}
	}
	return monitor.PathUnknown
}
