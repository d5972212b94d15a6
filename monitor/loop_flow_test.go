package monitor

// tcpOrig is the original tuple of a TCP flow from 10.0.0.x:port to 192.0.2.1:443.
func tcpOrig(host byte, port uint16) Tuple {
	return Tuple{
		Src: AddrFrom4([4]byte{10, 0, 0, host}), Dst: AddrFrom4([4]byte{192, 0, 2, 1}),
		SrcPort: port, DstPort: 443, Proto: TCP, Family: IPv4,
	}
}

func replyOf(t Tuple) Tuple {
	t.Src, t.Dst, t.SrcPort, t.DstPort = t.Dst, t.Src, t.DstPort, t.SrcPort
	return t
}

// messageOf makes an event as the decoder would; more fills in the rest.
func messageOf(k Kind, at Time, t Tuple, id uint32, more func(*Event)) Event {
	e := Event{Kind: k, Time: at, TimeSource: TimeReceived, Has: AttrOrig | AttrReply | AttrStatus | AttrID}
	e.Flow.Orig, e.Flow.Reply, e.Flow.ID, e.Flow.Status = t, replyOf(t), id, Confirmed
	if more != nil {
		more(&e)
	}
	return e
}

func inState(s State) func(*Event) {
	return func(e *Event) { e.Has |= AttrState; e.Flow.State = s }
}
