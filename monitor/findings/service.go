package findings

import (
	"slices"

	"natlens/monitor"
)

// service is a port that DNAT publishes, with the targets of its flows. NAT is decided on a
// flow's first packet. A client that keeps sending from one port keeps the entry with the old
// decision.
type service struct {
	targets [1 + maxTargets]target // the first: flows without DNAT
	n       int                    // number of DNAT targets
	young   youngest               // flows with DNAT
}

// target is a destination to which DNAT sends flows of a service.
type target struct {
	to       monitor.Endpoint
	born     monitor.Time // when the youngest flow began; 0: unknown
	answered uint64       // flows
	replied  some         // examples of these
	silent   uint64       // flows that were never answered; TCP: in SYN_SENT
	group                 // examples of the silent flows
}

// youngest are the latest flows with DNAT, the youngest first, without flows whose beginning is
// unknown.
type youngest struct {
	born   [maxYoung]monitor.Time
	target [maxYoung]uint8
	n      int
}

// add adds a flow, if it is one of the youngest.
func (y *youngest) add(born monitor.Time, target int) {
	at := y.n
	for at > 0 && y.born[at-1] < born {
		at--
	}
	if at == maxYoung {
		return
	}
	y.n = min(y.n+1, maxYoung)
	copy(y.born[at+1:y.n], y.born[at:])
	copy(y.target[at+1:y.n], y.target[at:])
	y.born[at], y.target[at] = born, uint8(target)
}

// enoughOthers is how many of the youngest flows must go to other targets before a target
// counts as abandoned.
const enoughOthers = 6

// abandoned reports whether new flows no longer go to a target of DNAT: so many of the youngest
// flows go to others that load balancing over all targets is very unlikely. If no beginning is
// known, that many flows must have been answered instead.
func (s *service) abandoned(at int) bool {
	wanted := min(enoughOthers*(s.n-1), maxYoung)
	if s.young.n == 0 {
		return wanted > 0 && s.answers() >= uint64(wanted)
	}
	return wanted > 0 && s.young.n >= wanted && !slices.Contains(s.young.target[:wanted], uint8(at))
}

// bypassed reports whether DNAT is newer than the flows without it: no such flow is known to be
// younger than the youngest flow with DNAT. Otherwise DNAT depends on something else, such as
// the interface or the client.
func (s *service) bypassed() bool { return s.young.n == 0 || s.young.born[0] >= s.targets[0].born }

// target returns the index of a target of DNAT, -1 if there are too many.
func (s *service) target(to monitor.Endpoint) int {
	for i := 1; i <= s.n; i++ {
		if s.targets[i].to == to {
			return i
		}
	}
	if s.n == maxTargets {
		return -1
	}
	s.n++
	s.targets[s.n].to = to
	return s.n
}

// answering returns the first target of DNAT that answers, or nil.
func (s *service) answering() *target {
	for i := 1; i <= s.n; i++ {
		if s.targets[i].answered > 0 {
			return &s.targets[i]
		}
	}
	return nil
}

// answers returns how many flows with DNAT are answered.
func (s *service) answers() (n uint64) {
	for i := 1; i <= s.n; i++ {
		n += s.targets[i].answered
	}
	return n
}

// Limits of a scan.
const (
	maxTargets  = 6    // of one service; flows to other targets are not counted
	maxServices = 1024 // a service takes some 3 KiB
	maxYoung    = 16
)
