package conntrack

import (
	"encoding/binary"

	"natlens/monitor"
)

// savedStatus are the bits of the status that -o save writes, in its order.
var savedStatus = []struct {
	bit  monitor.Status
	name string
}{
	{monitor.Expected, "EXPECTED,"}, {monitor.SeenReply, "SEEN_REPLY,"}, {monitor.Assured, "ASSURED,"},
	{monitor.FixedTimeout, "FIXED_TIMEOUT,"},
}

// save appends the command line of conntrack(8) that repeats the event: that adds,
// updates or deletes the flow. It has no mark, labels and helper, as in conntrack(8).
func (c *Writer) save(b []byte, e *monitor.Event) []byte {
	switch e.Kind {
	case monitor.KindUpdate:
		b = append(b, "-U "...)
	case monitor.KindDestroy:
		b = append(b, "-D "...)
	default:
		b = append(b, "-A "...)
	}
	f, h := &e.Flow, e.Has
	b = wordIf(b, h&monitor.AttrTimeout != 0, "-t ", uint64(f.Timeout))
	if h&monitor.AttrStatus != 0 {
		b = saveStatus(append(b, "-u "...), f.Status)
	}
	if h&monitor.AttrSecMark != 0 {
		b = word(b, "-c ", uint64(e.Extra.SecMark))
	}
	b = wordIf(b, h&monitor.AttrZone != 0, "-w ", uint64(f.Zone))
	b = wordIf(b, h&monitor.AttrZoneOrig != 0, "--orig-zone ", uint64(f.Orig.Zone))
	b = wordIf(b, h&monitor.AttrZoneReply != 0, "--reply-zone ", uint64(f.Reply.Zone))
	b = address(b, "-s ", &f.Orig.Src, f.Orig.Family)
	b = address(b, "-d ", &f.Orig.Dst, f.Orig.Family)
	src, dst := "-r ", "-q "
	if f.Reply.Src != f.Orig.Dst && f.Status.Has(monitor.DstNATDone) {
		src = "-g "
	}
	if f.Reply.Dst != f.Orig.Src && f.Status.Has(monitor.SrcNATDone) {
		dst = "-n "
	}
	b = address(b, src, &f.Reply.Src, f.Orig.Family)
	b = address(b, dst, &f.Reply.Dst, f.Orig.Family)
	b = saveProto(b, e)
	return append(c.userspace(b[:len(b)-1], e), '\n') // without the last blank
}

func saveStatus(b []byte, s monitor.Status) []byte {
	before := len(b)
	for _, saved := range savedStatus {
		if s.Has(saved.bit) {
			b = append(b, saved.name...)
		}
	}
	if len(b) == before {
		b = append(b, "UNSET,"...)
	}
	b[len(b)-1] = ' ' // instead of the last comma
	return b
}

// saveProto appends the protocol and its own flags. Protocols without flags in
// conntrack(8) are numbers.
func saveProto(b []byte, e *monitor.Event) []byte {
	orig, reply := &e.Flow.Orig, &e.Flow.Reply
	p := orig.Proto
	if !p.HasPorts() && !p.IsICMP() && p != monitor.GRE {
		return word(b, "-p ", uint64(p))
	}
	b = append(append(append(b, "-p "...), p.Name()...), ' ')
	switch {
	case p.IsICMP():
		flag := "--" + p.Name()
		b = word(append(b, flag...), "-type ", uint64(orig.ICMPType()))
		b = word(append(b, flag...), "-code ", uint64(orig.ICMPCode()))
		return word(append(b, flag...), "-id ", uint64(orig.ICMPID()))
	case p == monitor.GRE:
		b = word(b, "--srckey ", uint64(orig.SrcPort))
		b = word(b, "--dstkey ", uint64(orig.DstPort))
		b = word(b, "--reply-key-src ", uint64(reply.SrcPort))
		return word(b, "--reply-key-dst ", uint64(reply.DstPort))
	}
	// A kernel without a tracker for DCCP sends no ports.
	if p != monitor.DCCP || orig.SrcPort|orig.DstPort|reply.SrcPort|reply.DstPort != 0 {
		b = word(b, "--sport ", uint64(orig.SrcPort))
		b = word(b, "--dport ", uint64(orig.DstPort))
		b = word(b, "--reply-port-src ", uint64(reply.SrcPort))
		b = word(b, "--reply-port-dst ", uint64(reply.DstPort))
	}
	return saveState(b, e)
}

func saveState(b []byte, e *monitor.Event) []byte {
	if p := e.Flow.Orig.Proto; e.Has&monitor.AttrState != 0 && p.HasState() {
		name := e.Flow.State.Name(p)
		if name == "" {
			name = "NONE"
		}
		b = append(append(append(b, "--state "...), name...), ' ')
	}
	if e.Has&monitor.AttrVTagOrig != 0 {
		b = word(b, "--orig-vtag ", uint64(SavedVTag(e.Extra.VTagOrig)))
	}
	if e.Has&monitor.AttrVTagReply != 0 {
		b = word(b, "--reply-vtag ", uint64(SavedVTag(e.Extra.VTagReply)))
	}
	if e.Has&monitor.AttrDCCPRole != 0 {
		b = append(append(append(b, "--role "...), [...]string{"client", "server"}[e.Extra.DCCPRole&1]...), ' ')
	}
	return b
}

// SavedVTag turns a verification tag of SCTP into the number that conntrack(8) writes and
// takes for it, and back: it reads bytes in network order as a number of the host.
func SavedVTag(tag uint32) uint32 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], tag)
	return binary.NativeEndian.Uint32(b[:])
}
