package findings

import (
	"time"

	"natlens/monitor"
)

// timeoutsEvery is how often the timeouts are read.
const timeoutsEvery = 10 * time.Second

// space returns what this scan keeps of a namespace.
func (s *scan) space(n monitor.NetNS) *space {
	sp := s.spaces[n]
	if sp == nil {
		sp = new(space)
		s.spaces[n] = sp
	}
	return sp
}

// renew forgets what a scan has counted, and reads what the next one has to know of the
// namespaces that have flows. It is not for use within the table's lock.
func (s *scan) renew(now monitor.Time) {
	for n, old := range s.spaces {
		if old.rows == 0 {
			delete(s.spaces, n)
			continue
		}
		sp := &space{locals: s.cfg.Table.LocalsOf(n), timeouts: old.timeouts, read: old.read}
		if age := now - sp.read; s.cfg.TCPTimeouts != nil && (age < 0 || age >= monitor.Time(timeoutsEvery)) {
			sp.timeouts, sp.read = s.cfg.TCPTimeouts(n), now
		}
		s.spaces[n] = sp
	}
}
