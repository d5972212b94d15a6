package findings

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// scanEvery is the minimum time between two scans. A tick scans a piece of 4,096 rows. If the
// table has more than quickPieces, only every second tick does, so a scan of a million flows
// takes 50 s.
const (
	scanEvery   = time.Second
	quickPieces = 10
)

// timeoutsEvery is how often the timeouts are read.
const timeoutsEvery = 10 * time.Second

// step scans the next piece. It returns true at the end of a scan.
func (s *scan) step(now monitor.Time) bool {
	if !s.running {
		if now >= s.began && now < s.began+monitor.Time(scanEvery) { // an earlier time: the clock was set back
			return false
		}
		s.begin(now)
	}
	if s.wait = !s.wait && s.piece >= quickPieces; s.wait {
		return false
	}
	s.now = now
	s.running = s.cfg.Table.ScanChunk(s.piece, s.row)
	s.piece++
	return !s.running
}

// begin starts a scan. It reads the properties of the namespaces, which is not possible while
// the table is locked.
func (s *scan) begin(now monitor.Time) {
	clear(s.published)
	for i := range s.services.all {
		if v := &s.services.all[i]; len(v.value.targets) > 1 {
			s.published[v.key] = struct{}{}
		}
	}
	clear(s.crowded)
	for i := range s.pools.all {
		if p := &s.pools.all[i]; float64(p.n) >= s.cfg.Thresholds[snatMin]/2 && p.value.changed*2 >= p.n {
			s.crowded[p.key] = struct{}{}
		}
	}
	for _, t := range s.tallies {
		t.reset()
	}
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
	s.last = nil
	s.running, s.began = true, now
	s.number++
	s.piece, s.rows = 0, 0
}

// row adds a flow to the groups that it belongs to.
func (s *scan) row(i uint32, r *table.Row) {
	if r.Ended() {
		return
	}
	f := &r.Flow
	flow := ref{i, r.Gen}
	s.rows++
	if s.last == nil || s.lastOf != f.Orig.NetNS {
		s.last, s.lastOf = s.spaces[f.Orig.NetNS], f.Orig.NetNS
		if s.last == nil {
			s.last = new(space)
			s.spaces[s.lastOf] = s.last
		}
	}
	sp := s.last
	sp.rows++
	switch f.Orig.Proto {
	case monitor.TCP:
		if r.Known&monitor.AttrState == 0 {
			break
		}
		s.handshake(flow, r)
		s.idle(sp, flow, r)
		s.service(flow, r)
		s.hairpin(sp, flow, r)
	case monitor.UDP:
		s.service(flow, r)
		s.hairpin(sp, flow, r)
	}
	if f.Status&monitor.SrcNAT != 0 {
		s.source(flow, f)
		s.sender(sp, flow, r)
	}
}
