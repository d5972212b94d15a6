package findings

import (
	"fmt"
	"time"

	"natlens/monitor"
)

// A target that has answered a flow once may be gone since: the entry says
// replied for good, and lives on as long as the client sends. Two things tell,
// and both have to:
//
//	the service has left the target: the youngest flows to it go to others
//	packets go out, and none comes back: by the kernel's counters, where it counts

// youngest are the flows of a service that began last, the youngest first.
type youngest struct {
	born   [maxYoung]monitor.Time
	target [maxYoung]uint8
	n      int
}

const maxYoung = 16

// add takes a flow, if it is one of the youngest.
func (y *youngest) add(born monitor.Time, target uint8) {
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
	y.born[at], y.target[at] = born, target
}

// left reports whether the service has left a target: so many young flows go to
// others that chance does not do that where new flows are dealt out to all, eight
// flows to one other, sixteen to more.
func (s *service) left(target uint8) bool {
	wanted := min(8*(s.n-1), maxYoung)
	if wanted == 0 || s.young.n < wanted {
		return false
	}
	for _, t := range s.young.target[:wanted] {
		if t == target {
			return false
		}
	}
	return true
}

// watched is an answered flow to a target that its service has left.
type watched struct {
	orig, reply uint64 // packets when the last reply was seen
	since       monitor.Time
	looked      uint64 // in which look
}

// maxWatched bounds the flows that are watched, and so how often the kernel is
// asked.
const maxWatched = 64

// fewPackets is how many have to go out without one that comes back: a client's
// keepalive alone tells nothing.
const fewPackets = 3

// watch asks the kernel how many packets a flow had, and reports whether the flow
// gets answers: -1 no, 0 not known yet, 1 yes.
func (e *Engine) watch(r ref, now monitor.Time) int {
	row, _, ok := e.cfg.Table.Get(r.row, r.gen)
	if !ok || row.Ended() {
		return 0
	}
	orig, reply, ok := e.cfg.Packets(&row.Flow)
	if !ok {
		return 0
	}
	w := e.watching[r]
	if w == nil {
		if len(e.watching) < maxWatched {
			e.watching[r] = &watched{orig: orig, reply: reply, since: now, looked: e.stats.Looks}
		}
		return 0
	}
	w.looked = e.stats.Looks
	switch {
	case reply != w.reply:
		w.orig, w.reply, w.since = orig, reply, now
		return 1
	case orig < w.orig: // somebody has set the counters back
		w.orig, w.since = orig, now
	case orig-w.orig >= fewPackets && float64(now-w.since) >= e.cfg.Limits[dnatAge]*float64(time.Second):
		return -1
	}
	return 0
}

// forget drops what was not watched in this look.
func (e *Engine) forget() {
	for r, w := range e.watching {
		if w.looked != e.stats.Looks {
			delete(e.watching, r)
		}
	}
}

// abandoned finds answered flows to targets that their service has left and that
// answer no more.
func (e *Engine) abandoned(now monitor.Time) (found []candidate) {
	if e.cfg.Packets == nil {
		return nil
	}
	limit := e.cfg.Limits[dnatStale]
	e.look.services.most(1, func(k key, n uint64, v *service) {
		for i := range v.targets[:v.n] {
			t := &v.targets[i]
			if t.answered == 0 || !v.left(uint8(i)) {
				continue
			}
			silent, alive := 0, false
			for _, r := range t.replied[:min(t.answered, maxExamples)] {
				switch e.watch(r, now) {
				case -1:
					silent++
				case 1:
					alive = true
				}
			}
			if silent == 0 || alive {
				continue
			}
			k := k
			k.peer, k.peerPort = t.to.Addr, t.to.Port
			at, gone := endpoint(k.addr, k.port), endpoint(t.to.Addr, t.to.Port)
			to := &v.targets[v.young.target[0]]
			c := candidate{k, float64(silent) / limit, monitor.Finding{
				Flows:    uint64(t.answered + t.silent),
				Figures:  []monitor.Figure{{Name: "flows", Value: float64(t.answered + t.silent)}, {Name: "limit", Value: limit}},
				Examples: e.rows(t.replied[:min(t.answered, maxExamples)]),
				Subject:  at + " → " + gone,
				Text: fmt.Sprintf("%s to %s still sent to %s, which has not answered for %s; new ones are sent to %s",
					plural(uint64(t.answered+t.silent), "UDP flow"), at, gone, e.text(dnatAge), endpoint(to.to.Addr, to.to.Port)),
			}}
			e.show(&c, "delete", fmt.Sprintf("udp dst %s dport %d nat.dst %s nat.dport %d", k.addr, k.port, k.peer, k.peerPort))
			found = append(found, c)
		}
	})
	e.forget()
	return found
}
