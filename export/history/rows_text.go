package history

import (
	"strings"

	"natlens/monitor"
)

// RowWriter writes answers in one of the formats of docs/history.md.
type RowWriter interface {
	// Write writes one answer, of which it keeps nothing.
	Write(a *Answer) error
	// Close writes what is left. It does not close what is beneath.
	Close() error
}

// timeForm is how times are written: UTC, always with nine decimals.
const timeForm = "2006-01-02T15:04:05.000000000Z"

func timeText(t monitor.Time) string { return t.Time().Format(timeForm) }

// protoText is the protocol's name in lower case, its number where it has none.
func protoText(p monitor.Proto) string { return strings.ToLower(p.String()) }

// stateText is the last state in lower case, "" where none is known.
func stateText(t *Translation) string {
	if !t.HasState {
		return ""
	}
	return strings.ToLower(t.State.Name(t.Proto))
}

// ends are the ends of an answer by what they are to the question.
func ends(a *Answer) (inside, outside, peer monitor.Endpoint) {
	return a.Inside(a.Side), a.Outside(a.Side), a.Peer(a.Side)
}
