package conntrack

import (
	"encoding/binary"

	"natlens/export/text"
	"natlens/monitor"
)

// savedStatus are the bits of the status that -o save tells, in its order.
var savedStatus = []struct {
	bit  monitor.Status
	name string
}{
	{monitor.Expected, "EXPECTED,"}, {monitor.SeenReply, "SEEN_REPLY,"}, {monitor.Assured, "ASSURED,"}, {monitor.FixedTimeout, "FIXED_TIMEOUT,"},
}

// appendSave appends the command line of conntrack(8) that does again what the
// event tells of: adds the flow, updates it or deletes it. A mark, labels and a
// helper are not in it, as there.
func (c *Writer) appendSave(b []byte, e *monitor.Event) []byte {
	switch e.Kind {
	case monitor.KindUpdate:
		b = append(b, "-U "...)
	case monitor.KindDestroy:
		b = append(b, "-D "...)
	default:
		b = append(b, "-A "...)
	}
	f := &e.Flow
	if e.Has&monitor.AttrTimeout != 0 {
		b = appendWord(b, "-t ", uint64(f.Timeout))
	}
	if e.Has&monitor.AttrStatus != 0 {
		b = appendSavedStatus(append(b, "-u "...), f.Status)
	}
	if e.Has&monitor.AttrSecMark != 0 {
		b = appendWord(b, "-c ", uint64(e.Extra.SecMark))
	}
	b = appendSavedZones(b, e)
	b = appendSavedAddr(b, "-s ", &f.Orig.Src, f.Orig.Family)
	b = appendSavedAddr(b, "-d ", &f.Orig.Dst, f.Orig.Family)
	src, dst := "-r ", "-q "
	if f.Reply.Src != f.Orig.Dst && f.Status.Has(monitor.DstNATDone) {
		src = "-g "
	}
	if f.Reply.Dst != f.Orig.Src && f.Status.Has(monitor.SrcNATDone) {
		dst = "-n "
	}
	b = appendSavedAddr(b, src, &f.Reply.Src, f.Orig.Family)
	b = appendSavedAddr(b, dst, &f.Reply.Dst, f.Orig.Family)
	b = appendSavedProto(b, e)
	return append(c.appendUserspace(b[:len(b)-1], e), '\n') // without the last blank
}

func appendSavedStatus(b []byte, s monitor.Status) []byte {
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

func appendSavedZones(b []byte, e *monitor.Event) []byte {
	if e.Has&monitor.AttrZone != 0 {
		b = appendWord(b, "-w ", uint64(e.Flow.Zone))
	}
	if e.Has&monitor.AttrZoneOrig != 0 {
		b = appendWord(b, "--orig-zone ", uint64(e.Flow.Orig.Zone))
	}
	if e.Has&monitor.AttrZoneReply != 0 {
		b = appendWord(b, "--reply-zone ", uint64(e.Flow.Reply.Zone))
	}
	return b
}

func appendSavedAddr(b []byte, flag string, a *monitor.Addr, family monitor.Family) []byte {
	return append(text.AppendNtop(append(b, flag...), a, family), ' ')
}

// appendSavedProto appends the protocol, by number where conntrack(8) has no flags
// of its own for it, and what these flags say.
func appendSavedProto(b []byte, e *monitor.Event) []byte {
	orig, reply := &e.Flow.Orig, &e.Flow.Reply
	p := orig.Proto
	if !p.HasPorts() && !p.IsICMP() && p != monitor.GRE {
		return appendWord(b, "-p ", uint64(p))
	}
	b = append(append(append(b, "-p "...), p.Name()...), ' ')
	switch {
	case p.IsICMP():
		flag := "--" + p.Name()
		b = appendWord(append(b, flag...), "-type ", uint64(orig.ICMPType()))
		b = appendWord(append(b, flag...), "-code ", uint64(orig.ICMPCode()))
		return appendWord(append(b, flag...), "-id ", uint64(orig.ICMPID()))
	case p == monitor.GRE:
		b = appendWord(b, "--srckey ", uint64(orig.SrcPort))
		b = appendWord(b, "--dstkey ", uint64(orig.DstPort))
		b = appendWord(b, "--reply-key-src ", uint64(reply.SrcPort))
		return appendWord(b, "--reply-key-dst ", uint64(reply.DstPort))
	}
	if p == monitor.DCCP && orig.SrcPort|orig.DstPort|reply.SrcPort|reply.DstPort == 0 {
		return appendSavedState(b, e) // a kernel without a tracker for it tells no ports
	}
	b = appendWord(b, "--sport ", uint64(orig.SrcPort))
	b = appendWord(b, "--dport ", uint64(orig.DstPort))
	b = appendWord(b, "--reply-port-src ", uint64(reply.SrcPort))
	b = appendWord(b, "--reply-port-dst ", uint64(reply.DstPort))
	return appendSavedState(b, e)
}

// appendSavedState appends what else the kernel knows of TCP, SCTP and DCCP.
func appendSavedState(b []byte, e *monitor.Event) []byte {
	if p := e.Flow.Orig.Proto; e.Has&monitor.AttrState != 0 && p.HasState() {
		name := e.Flow.State.Name(p)
		if name == "" {
			name = "NONE"
		}
		b = append(append(append(b, "--state "...), name...), ' ')
	}
	if e.Has&monitor.AttrVTagOrig != 0 {
		b = appendWord(b, "--orig-vtag ", uint64(SavedVTag(e.Extra.VTagOrig)))
	}
	if e.Has&monitor.AttrVTagReply != 0 {
		b = appendWord(b, "--reply-vtag ", uint64(SavedVTag(e.Extra.VTagReply)))
	}
	if e.Has&monitor.AttrDCCPRole != 0 {
		b = append(append(append(b, "--role "...), [...]string{"client", "server"}[e.Extra.DCCPRole&1]...), ' ')
	}
	return b
}

// SavedVTag turns a verification tag of SCTP into the number that conntrack(8)
// 1.4.7 writes and takes for it, and back: it reads the bytes of the network's
// order in the host's.
func SavedVTag(tag uint32) uint32 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], tag)
	return binary.NativeEndian.Uint32(b[:])
}
