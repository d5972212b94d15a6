package findings

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// lookEvery is the least time between the beginnings of two looks. With a large
// table a look takes longer than that by itself: a tick looks at one piece of
// 4,096 rows, so that a million flows take 25 s. While very many events come, every
// other tick does.
const lookEvery = time.Second

// look is a scan of the table in steps, which counts groups of flows.
type look struct {
	running bool
	chunk   int
	began   monitor.Time
	now     monitor.Time // of this step
	limits  *Limits
	rows    uint64
	took    time.Duration
	wanted  func(*table.Glimpse) bool // want, made once
	each    func(uint32, *table.Row)  // row, likewise
	sourced bool                      // want has taken the source of the row
	passed  int                       // ticks since the last step

	handshakes [len(handshakes)]*sieve[group] // by destination
	synHosts   *sieve[hostGroup]
	services   *sieve[service]
	published  map[key]*target // services of the last look, with their flows past the DNAT
	publics    *sieve[pool]    // by public address and protocol
	pools      *sieve[pool]    // and by destination
	public     key             // that glimpse looks for
	pool       key             // likewise
	peer       monitor.Addr    // not looked at

	all         map[monitor.NetNS]*inNetNS
	in          *inNetNS // of netns; nil: none was entered
	netns       monitor.NetNS
	timeout     func(monitor.NetNS) time.Duration // Config.EstablishedTimeout
	settings    map[monitor.NetNS]setting
	silentSince monitor.Time // what was heard of last before that may be idle by now
	refreshed   monitor.Time
}

// init makes what the look counts in: some hundred KiB, and no more later.
func (l *look) init() {
	l.wanted, l.each = l.want, l.row
	for i := range l.handshakes {
		l.handshakes[i] = newSieve[group](9)
	}
	l.synHosts = newSieve[hostGroup](9)
	l.services = newSieve[service](9)
	l.published = make(map[key]*target)
	l.settings = make(map[monitor.NetNS]setting)
	l.publics = newSieve[pool](8)
	l.pools = newSieve[pool](11)
}

// busySteps is how many ticks there are to a step of a look while very many events
// come.
const busySteps = 4

// passes reports whether a tick makes no step: while very many events come, three of
// four don't.
func (e *Engine) passes() bool {
	e.look.passed++
	if !e.rates.pace.busy() || e.look.passed >= busySteps {
		e.look.passed = 0
	}
	return e.look.passed > 0
}

// step looks at some more rows. It returns true when the look is done.
func (e *Engine) step(now monitor.Time) bool {
	l := &e.look
	start := time.Now()
	if !l.running {
		if now >= l.began && now < l.began+monitor.Time(lookEvery) { // before it: the clock was put back
			return false
		}
		l.begin(now, e)
	}
	l.now = now
	l.silentSince = now - monitor.Time(l.limits[idleAge]*float64(time.Second))
	l.running = e.cfg.Table.ScanChunk(l.chunk, l.wanted, l.each)
	l.chunk++
	l.took += time.Since(start)
	return !l.running
}

// begin begins a look anew.
func (l *look) begin(now monitor.Time, e *Engine) {
	l.publish()
	for _, s := range l.handshakes {
		s.reset()
	}
	l.synHosts.reset()
	l.services.reset()
	l.publics.reset()
	l.pools.reset()
	l.all, l.in, l.timeout = make(map[monitor.NetNS]*inNetNS), nil, e.cfg.EstablishedTimeout
	if len(l.settings) > maxServices { // namespaces come and go
		clear(l.settings)
	}
	l.running, l.began, l.limits = true, now, &e.cfg.Limits
	l.chunk, l.rows, l.took = 0, 0, 0
}

// want reports whether a row may belong to a group for which it has to be unpacked,
// and counts it. Of most rows nothing more is looked at.
func (l *look) want(g *table.Glimpse) bool {
	if g.Ended() {
		return false
	}
	l.rows++
	if l.in == nil || g.NetNS != l.netns {
		l.enter(g.NetNS)
	}
	l.in.rows++
	l.sourced = g.Status&monitor.SrcNAT == 0 || l.glimpse(g)
	return !l.sourced || l.stands(g)
}

// stands reports whether a row may belong to a group beside those of its source.
func (l *look) stands(g *table.Glimpse) bool {
	answered := g.Status&monitor.SeenReply != 0
	switch g.Proto {
	case monitor.TCP:
		switch g.State {
		case monitor.TCPSynSent:
			return !answered
		case monitor.TCPSynRecv:
			return true
		case monitor.TCPEstablished:
			return !answered || l.mayBeIdle(g)
		}
	case monitor.UDP:
		return g.Status&monitor.DstNAT != 0 || !answered && len(l.published) > 0
	}
	return false
}

// row takes a row of the table into the groups that it belongs to.
func (l *look) row(i uint32, r *table.Row) {
	f := &r.Flow
	switch f.Orig.Proto {
	case monitor.TCP:
		if r.Known&monitor.AttrState != 0 {
			l.tcp(i, r)
		}
	case monitor.UDP:
		l.udp(i, r)
	}
	if !l.sourced && f.Orig.Proto.HasPorts() {
		public := key{addr: f.Reply.Dst, proto: f.Orig.Proto, netns: f.Orig.NetNS}
		pool := public
		pool.peer, pool.peerPort = f.Reply.Src, f.Reply.SrcPort
		l.source(&public, &pool, ref{i, r.Gen}, f.Orig.SrcPort, f.Reply.DstPort)
	}
}

// judgeLook draws the conclusions of a look.
func (e *Engine) judgeLook(now monitor.Time) {
	for i := range handshakes {
		e.judge(handshakes[i].rule, e.stuck(&handshakes[i], e.look.handshakes[i]), now)
	}
	e.judge(ruleSynHost, e.unansweredHosts(), now)
	e.judge(ruleDNATStale, append(e.stale(), e.abandoned(now)...), now)
	e.judge(ruleDNATMissed, e.missed(), now)
	e.judge(ruleSNATPorts, e.exhausted(), now)
	e.judge(ruleSNATClash, e.clashes(), now)
	e.judge(ruleIdle, e.idlers(now), now)
	e.mu.Lock()
	e.stats.Looks++
	e.stats.Rows, e.stats.Took = e.look.rows, e.look.took
	e.mu.Unlock()
}
