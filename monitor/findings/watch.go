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
func (e *Engine) silent(all some) (silent []ref) {
	someAnswered := false
	for _, r := range all {
		isSilent, answered := e.watch(r)
		if isSilent {
			silent = append(silent, r)
		}
		someAnswered = someAnswered || answered
	}
	if someAnswered {
		return nil
	}
	return silent
}

// watch compares the counters of a flow with those of earlier scans. silent: packets went out,
// and none came back. answered: a packet came back since the last scan. Both are false if it is
// too early, or the kernel does not count.
func (e *Engine) watch(r ref) (silent, answered bool) {
	if e.cfg.Packets == nil {
		return false, false
	}
	row, _, ok := e.cfg.Table.Get(r.row, r.gen)
	if !ok || row.Ended() {
		return false, false
	}
	orig, reply, ok := e.cfg.Packets(&row.Flow)
	if !ok {
		return false, false
	}
	w, now := e.silence[r], e.now
	if w == nil {
		if len(e.silence) < maxWatched {
			e.silence[r] = &sending{orig, reply, now, e.scan.number}
		}
		return false, false
	}
	w.scan = e.scan.number
	switch {
	case reply != w.reply:
		w.orig, w.reply, w.since = orig, reply, now
		return false, true
	case orig < w.orig: // another program reset the counters
		w.orig, w.since = orig, now
	}
	return orig-w.orig >= fewPackets && e.cfg.Thresholds.reached(dnatAge, now-w.since), false
}

// forgetSilence removes the flows that this scan did not watch.
func (e *Engine) forgetSilence() {
	maps.DeleteFunc(e.silence, func(_ ref, w *sending) bool { return w.scan != e.scan.number })
}
