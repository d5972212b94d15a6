package loop

import "natlens/monitor"

// tcpOrig is the original tuple of a TCP flow from 10.0.0.x:port to 192.0.2.1:443.
func tcpOrig(host byte, port uint16) monitor.Tuple {
	return monitor.Tuple{
		Src: monitor.AddrFrom4([4]byte{10, 0, 0, host}), Dst: monitor.AddrFrom4([4]byte{192, 0, 2, 1}),
		SrcPort: port, DstPort: 443, Proto: monitor.TCP, Family: monitor.IPv4,
	}
}

func replyOf(t monitor.Tuple) monitor.Tuple {
	t.Src, t.Dst, t.SrcPort, t.DstPort = t.Dst, t.Src, t.DstPort, t.SrcPort
	return t
}

// messageOf makes an event as the decoder would; more fills in the rest.
func messageOf(k monitor.Kind, at monitor.Time, t monitor.Tuple, id uint32, more func(*monitor.Event)) monitor.Event {
	e := monitor.Event{
		Kind:       k,
		Time:       at,
		TimeSource: monitor.TimeReceived,
		Has:        monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID,
	}
	e.Flow.Orig, e.Flow.Reply, e.Flow.ID, e.Flow.Status = t, replyOf(t), id, monitor.Confirmed
	if more != nil {
		more(&e)
	}
	return e
}

func inState(s monitor.State) func(*monitor.Event) {
	return func(e *monitor.Event) { e.Has |= monitor.AttrState; e.Flow.State = s }
}
