package findings

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

func (s *scan) init(cfg *Config) {
	s.cfg, s.thresholds = cfg, &cfg.Thresholds
	s.spaces, s.readings = make(map[monitor.NetNS]*space), make(map[ref]*idleReading)
	s.services.max = maxServices
	s.published, s.crowded = make(map[key]struct{}), make(map[key]struct{})
}

// step scans the next piece. It returns true at the end of a scan.
func (s *scan) step(now monitor.Time) bool {
	start := time.Now()
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
	s.took += time.Since(start)
	return !s.running
}

func (s *scan) begin(now monitor.Time) {
	clear(s.published)
	for i := range s.services.all {
		if v := &s.services.all[i]; v.value.n > 0 {
			s.published[v.key] = struct{}{}
		}
	}
	clear(s.crowded)
	for i := range s.pools.all {
		if p := &s.pools.all[i]; float64(p.n) >= s.thresholds[snatMin]/2 && p.value.changed*2 >= p.n {
			s.crowded[p.key] = struct{}{}
		}
	}
	for i := range s.handshakes {
		s.handshakes[i].reset()
	}
	s.hosts.reset()
	s.services.reset()
	s.publics.reset()
	s.pools.reset()
	s.blocks.reset()
	s.hairpins.reset()
	s.senders.reset()
	s.renew(now)
	s.last = nil
	s.running, s.began = true, now
	s.number++
	s.piece, s.rows, s.took, s.unread = 0, 0, 0, 0
}

// beyond returns how many flows were left out of a group because a tally was full.
func (s *scan) beyond() (n uint64) {
	for i := range s.handshakes {
		n += s.handshakes[i].beyond
	}
	return n + s.unread + s.hosts.beyond + s.services.beyond + s.publics.beyond + s.pools.beyond + s.blocks.beyond +
		s.hairpins.beyond + s.senders.beyond
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
		s.last, s.lastOf = s.space(f.Orig.NetNS), f.Orig.NetNS
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

// scanEvery is the least time between the beginnings of two scans. A tick scans a piece
// of 4,096 rows; of a table with more than quickPieces every second tick does, so that a
// scan of a million flows takes 50 s.
const (
	scanEvery   = time.Second
	quickPieces = 10
)
