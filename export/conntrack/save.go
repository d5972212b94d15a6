package conntrack

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"

	"natlens/monitor"
)

// savedStatus are the bits of the status that -o save writes, in its order.
var savedStatus = []monitor.Status{monitor.Expected, monitor.SeenReply, monitor.Assured, monitor.FixedTimeout}

// save appends the command line of conntrack(8) that repeats the event: it adds, updates or
// deletes the flow. As in conntrack(8), it has no mark, labels and helper.
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
	return append(c.userspace(b[:len(b)-1], e), '\n') // without the last space
}

func saveStatus(b []byte, s monitor.Status) []byte {
	before := len(b)
	for _, saved := range savedStatus {
		if s.Has(saved) {
			b = append(append(b, strings.ToUpper(saved.Names()[0])...), ',')
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
	switch p := orig.Proto; {
	case p.IsICMP():
		return fmt.Appendf(b, "-p %s --%[1]s-type %d --%[1]s-code %[3]d --%[1]s-id %[4]d ", p, orig.ICMPType(),
			orig.ICMPCode(), orig.ICMPID())
	case p == monitor.GRE:
		return fmt.Appendf(b, "-p gre --srckey %d --dstkey %d --reply-key-src %d --reply-key-dst %d ", orig.SrcPort,
			orig.DstPort, reply.SrcPort, reply.DstPort)
	case !p.HasPorts():
		return word(b, "-p ", uint64(p))
	default:
		b = fmt.Appendf(b, "-p %s ", p)
	}
	// A kernel without a tracker for DCCP sends no ports.
	if orig.Proto != monitor.DCCP || orig.SrcPort|orig.DstPort|reply.SrcPort|reply.DstPort != 0 {
		b = fmt.Appendf(b, "--sport %d --dport %d --reply-port-src %d --reply-port-dst %d ", orig.SrcPort, orig.DstPort,
			reply.SrcPort, reply.DstPort)
	}
	return saveState(b, e)
}

func saveState(b []byte, e *monitor.Event) []byte {
	if p := e.Flow.Orig.Proto; e.Has&monitor.AttrState != 0 && p.HasState() {
		b = fmt.Appendf(b, "--state %s ", cmp.Or(e.Flow.State.Name(p), "NONE"))
	}
	if e.Has&monitor.AttrVTagOrig != 0 {
		b = word(b, "--orig-vtag ", uint64(SavedVTag(e.Extra.VTagOrig)))
	}
	if e.Has&monitor.AttrVTagReply != 0 {
		b = word(b, "--reply-vtag ", uint64(SavedVTag(e.Extra.VTagReply)))
	}
	if e.Has&monitor.AttrDCCPRole != 0 {
		b = fmt.Appendf(b, "--role %s ", [...]string{"client", "server"}[e.Extra.DCCPRole&1])
	}
	return b
}

// SavedVTag converts an SCTP verification tag to the number that conntrack(8) writes and
// accepts for it, and back: it reads bytes in network order as a number of the host.
func SavedVTag(tag uint32) uint32 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], tag)
	return binary.NativeEndian.Uint32(b[:])
}
