package findings

import (
	"slices"

	"natlens/monitor"
)

// service is a port that DNAT publishes, with the targets of its flows. NAT is decided on a
// flow's first packet. A client that keeps sending from one port keeps the entry with the old
// decision.
type service struct {
	targets []target // the first: flows without DNAT
	young   youngest // flows with DNAT
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
type youngest []young

type young struct {
	born   monitor.Time
	target int
}

// add adds a flow, if it is one of the youngest.
func (y *youngest) add(born monitor.Time, target int) {
	at := len(*y)
	for at > 0 && (*y)[at-1].born < born {
		at--
	}
	if at < maxYoung {
		*y = slices.Insert(*y, at, young{born, target})
		*y = (*y)[:min(len(*y), maxYoung)]
	}
}

// enoughOthers is how many of the youngest flows must go to other targets before a target
// counts as abandoned.
const enoughOthers = 6

// abandoned reports whether new flows no longer go to a target of DNAT: so many of the youngest
// flows go to others that load balancing over all targets is very unlikely. If no beginning is
// known, that many flows must have been answered instead.
func (s *service) abandoned(at int) bool {
	wanted := min(enoughOthers*(len(s.targets)-2), maxYoung)
	if len(s.young) == 0 {
		return wanted > 0 && s.answers() >= uint64(wanted)
	}
	return wanted > 0 && len(s.young) >= wanted &&
		!slices.ContainsFunc(s.young[:wanted], func(y young) bool { return y.target == at })
}

// bypassed reports whether DNAT is newer than the flows without it: no such flow is known to be
// younger than the youngest flow with DNAT. Otherwise DNAT depends on something else, such as
// the interface or the client.
func (s *service) bypassed() bool { return len(s.young) == 0 || s.young[0].born >= s.targets[0].born }

// target returns the index of a target of DNAT, -1 if there are too many.
func (s *service) target(to monitor.Endpoint) int {
	for i := range s.targets {
		if s.targets[i].to == to {
			return i
		}
	}
	if len(s.targets) > maxTargets {
		return -1
	}
	s.targets = append(s.targets, target{to: to})
	return len(s.targets) - 1
}

// answering returns the first target of DNAT that answers, or nil.
func (s *service) answering() *target {
	for i := range s.targets {
		if i > 0 && s.targets[i].answered > 0 {
			return &s.targets[i]
		}
	}
	return nil
}

// answers returns how many flows with DNAT are answered.
func (s *service) answers() (n uint64) {
	for i := range s.targets[1:] {
		n += s.targets[1+i].answered
	}
	return n
}

// Limits of a scan.
const (
	maxTargets  = 6    // of one service; flows to other targets are not counted
	maxServices = 1024 // a service takes some 3 KiB
	maxYoung    = 16
)
