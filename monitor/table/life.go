package table

import "natlens/monitor"

// Life is the history of a flow's states: each state that a message reported, with the
// milliseconds since the first message. If there are more than LifeSteps, it has the first ones
// and the last one, and Cut is set.
type Life struct {
	At     [LifeSteps]uint32 // ms since Row.First
	States [LifeSteps]LifeState
	N      uint8
	Cut    bool
}

// LifeSteps is the maximum number of steps in a Life. A TCP connection from SYN_SENT to DESTROY
// has eight.
const LifeSteps = 10

// LifeState is one step of a Life. Protocols without states have only replied, assured, started
// and ended.
type LifeState uint8

// A LifeState below LifeReplied is a State of the flow's protocol.
const (
	LifeReplied LifeState = 0xf0 + iota // SEEN_REPLY was set
	LifeAssured                         // ASSURED was set
	LifeStarted                         // the first message, for a protocol without states
	LifeEnded                           // DESTROY
)

// Life returns the life of a flow. ok is false if the table records none or has removed the
// flow.
func (t *Table) Life(row uint32, gen uint64) (l Life, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.cfg.Life || !t.has(row, gen) {
		return Life{}, false
	}
	return *t.lifeAt(row), true
}

func (t *Table) lifeAt(row uint32) *Life { return &t.life[row/chunkRows][row%chunkRows] }

func (t *Table) startLife(row uint32, e *monitor.Event) {
	for int(row/chunkRows) >= len(t.life) {
		t.life = append(t.life, new([chunkRows]Life))
	}
	l := t.lifeAt(row)
	*l = Life{}
	if e.Has&monitor.AttrState != 0 {
		l.add(0, LifeState(e.Flow.State))
	} else {
		l.add(0, LifeStarted)
	}
}

// recordLife adds the changes of the event. The row still has the previous state.
func (t *Table) recordLife(row uint32, e *monitor.Event) {
	l, p := t.lifeAt(row), t.rows.at(row)
	ms := uint32(max(0, e.Time-p.first) / 1e6)
	switch {
	case e.Kind == monitor.KindDestroy:
		l.add(ms, LifeEnded)
	case e.Has&monitor.AttrState != 0:
		if p.known&monitor.AttrState == 0 || p.conn != e.Flow.State {
			l.add(ms, LifeState(e.Flow.State))
		}
	case p.proto.HasState():
	case e.Flow.Status&^p.status&monitor.Assured != 0:
		l.add(ms, LifeAssured)
	case e.Flow.Status&^p.status&monitor.SeenReply != 0:
		l.add(ms, LifeReplied)
	}
}

func (l *Life) add(ms uint32, s LifeState) {
	if l.N == LifeSteps {
		l.N, l.Cut = LifeSteps-1, true
	}
	l.At[l.N], l.States[l.N] = ms, s
	l.N++
}
