//go:build linux

package annotate

import (
	"errors"
	"testing"

	"natlens/monitor"
)

// TestReadAnswer says of which sockets a flow is.
func TestReadAnswer(t *testing.T) {
	const established, unconnectedUDP = 1, 7
	local, remote := monitor.Endpoint{Port: 40000}, monitor.Endpoint{Port: 443}
	for _, test := range []struct {
		name         string
		proto        monitor.Proto
		path         monitor.Path
		state        uint8
		local, other uint16
		want         monitor.Match
	}{
		{"connected", monitor.TCP, monitor.PathOut, established, 40000, 443, monitor.MatchExact},
		{"another local port", monitor.TCP, monitor.PathOut, established, 40001, 443, monitor.MatchNone},
		{"TIME_WAIT", monitor.TCP, monitor.PathOut, stateTimeWait, 40000, 443, monitor.MatchNone},
		{"SYN_RECV", monitor.TCP, monitor.PathIn, stateNewSynRecv, 40000, 443, monitor.MatchNone},
		{"a listener of a flow that comes in", monitor.TCP, monitor.PathIn, stateListen, 40000, 0, monitor.MatchListener},
		{"a listener of a flow that goes out", monitor.TCP, monitor.PathOut, stateListen, 40000, 0, monitor.MatchNone},
		{"UDP, bound", monitor.UDP, monitor.PathIn, unconnectedUDP, 40000, 0, monitor.MatchListener},
	} {
		b := make([]byte, answerSize)
		b[1] = test.state
		b[answerSockID], b[answerSockID+1] = byte(test.local>>8), byte(test.local)
		b[answerSockID+2], b[answerSockID+3] = byte(test.other>>8), byte(test.other)
		f := &monitor.Flow{Path: test.path, Orig: monitor.Tuple{Proto: test.proto, Family: monitor.IPv4}}
		if got := readAnswer(b, f, local, remote).match; got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestAnswerKeepsTheBetter keeps what is known of a flow if a later look-up finds less, and
// does not give it to the next flow with the same tuple.
func TestAnswerKeepsTheBetter(t *testing.T) {
	better := &monitor.Local{Process: "curl", PID: 7, Match: monitor.MatchExact}
	var b monitor.Batch
	b.Events = append(b.Events, monitor.Event{Kind: monitor.KindUpdate, Flow: monitor.Flow{Path: monitor.PathOut,
		Orig: monitor.Tuple{Proto: monitor.TCP, Family: monitor.IPv4, SrcPort: 1, DstPort: 2}}})
	e := &b.Events[0]
	a := &Annotator{in: func(monitor.NetNS, func(int) error) error { return errors.New("no look-ups here") }}
	a.known.set(e.Flow.Orig, better)
	a.cgroups.containers = &a.containers
	a.answer(&question{event: e, found: socket{match: monitor.MatchListener, inode: 9, uid: 0}})
	if e.Local != better || a.Of(&e.Flow) != better {
		t.Errorf("%+v, known %+v, want %+v", e.Local, a.Of(&e.Flow), better)
	}
	e.Kind = monitor.KindDestroy
	a.locals(&b)
	if e.Local != better {
		t.Errorf("at the end %+v", e.Local)
	}
	e.Kind, e.Local = monitor.KindNew, nil
	a.locals(&b)
	if e.Local != nil {
		t.Errorf("the next flow with the tuple has %+v", e.Local)
	}
}
