package findings

import "maps"

// maxWatched is the maximum number of watched flows, which limits the requests of a scan to the
// kernel.
const maxWatched = 64

// fewPackets is how many packets must go out while none come back. A single keepalive is not
// enough.
const fewPackets = 3

// silent returns those flows that have sent packets and got none back for dnat-stale-age. It
// returns none if any of the flows gets answers.
func (e *Engine) silent(s *some) (silent []ref) {
	answered := false
	for _, r := range s.flows[:s.n] {
		switch e.watch(r) {
		case watchSilent:
			silent = append(silent, r)
		case watchAnswered:
			answered = true
		}
	}
	if answered {
		return nil
	}
	return silent
}

// watched is the result of comparing a flow's counters.
type watched uint8

const (
	watchUnknown  watched = iota // too early, or the kernel does not count
	watchSilent                  // packets went out, and none came back
	watchAnswered                // a packet came back since the last scan
)

// watch compares the counters of a flow with those of earlier scans.
func (e *Engine) watch(r ref) watched {
	if e.cfg.Packets == nil {
		return watchUnknown
	}
	row, _, ok := e.cfg.Table.Get(r.row, r.gen)
	if !ok || row.Ended() {
		return watchUnknown
	}
	orig, reply, ok := e.cfg.Packets(&row.Flow)
	if !ok {
		return watchUnknown
	}
	w, now := e.silence[r], e.now
	if w == nil {
		if len(e.silence) < maxWatched {
			e.silence[r] = &sending{orig, reply, now, e.scan.number}
		}
		return watchUnknown
	}
	w.scan = e.scan.number
	switch {
	case reply != w.reply:
		w.orig, w.reply, w.since = orig, reply, now
		return watchAnswered
	case orig < w.orig: // another program reset the counters
		w.orig, w.since = orig, now
	case orig-w.orig >= fewPackets && e.cfg.Thresholds.reached(dnatAge, now-w.since):
		return watchSilent
	}
	return watchUnknown
}

// forgetSilence removes the flows that this scan did not watch.
func (e *Engine) forgetSilence() {
	maps.DeleteFunc(e.silence, func(_ ref, w *sending) bool { return w.scan != e.scan.number })
}
