package monitor

// TCPTimeouts are settings of connection tracking, in seconds.
type TCPTimeouts struct {
	Established    uint32 // nf_conntrack_tcp_timeout_established; 0: not known
	Unacknowledged uint32 // nf_conntrack_tcp_timeout_unacknowledged
	MaxRetrans     uint32 // nf_conntrack_tcp_timeout_max_retrans
}

// IdleFor derives from the timeout of an ESTABLISHED flow how many seconds ago its last packet
// came; 0 means unknown. Each packet sets the timeout to Established. After unacknowledged data
// the kernel sets one of the other two instead, so a timeout up to these says nothing.
// Something else set a timeout above Established.
func (t TCPTimeouts) IdleFor(timeout uint32) uint32 {
	if timeout <= max(t.Unacknowledged, t.MaxRetrans) || timeout > t.Established {
		return 0
	}
	return t.Established - timeout
}

// Reading is what a dump says about the packets of a flow.
type Reading struct {
	At      Time
	Timeout uint32
	Packets uint64 // in both directions
	Counted bool   // Packets is known
}

// Reading returns what is known of the flow at the given time.
func (f *Flow) Reading(known Attrs, at Time) Reading {
	return Reading{
		at,
		f.Timeout,
		f.CountersOrig.Packets + f.CountersReply.Packets,
		known.Any(AttrCountersOrig | AttrCountersReply),
	}
}

// Unchanged reports whether no packet passed between r and a later reading: the counters are
// the same, and the timeout fell by one second each second.
func (r Reading) Unchanged(later Reading) bool {
	fell, elapsed := int64(r.Timeout)-int64(later.Timeout), int64(later.At-r.At)/1e9
	return r.Packets == later.Packets && r.Counted == later.Counted && fell >= elapsed-1 && fell <= elapsed+1
}
