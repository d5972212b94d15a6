package ctnetlink

import "natlens/monitor"

// Change is what a request changes in a flow's entry. Nil fields stay as they are; a new entry
// does not get them.
type Change struct {
	Timeout *uint32         // seconds; a new entry needs it
	Status  *monitor.Status // bits can be set, not cleared; Confirmed is always set, Expected cannot change
	Mark    *uint32
	Proto   *ProtoInfo
	Labels  []byte // 16 bytes, bit n in byte n/8
	Mask    []byte // which labels change; nil: all
	Helper  string // only for a new entry
	SrcNAT  NATRange
	DstNAT  NATRange
}

// ProtoInfo is the state of a connection. Linux 6.18 has no tracker for DCCP and ignores it.
type ProtoInfo struct {
	Proto monitor.Proto // TCP, SCTP or DCCP
	State monitor.State
	TCP   monitor.TCPInfo // the tracker's flags within the masks
	VTags [2]uint32       // SCTP: the verification tags, of the original direction first
	Role  uint8           // DCCP: of the original source, 0 for client and 1 for server
}

// NATRange is the address, and perhaps port, that a side of a new entry is rewritten to. The zero value rewrites
// nothing.
type NATRange struct {
	Addr monitor.Addr // zero: not translated
	Port uint16       // 0: not translated
}

// Change appends a change.
func (r *Request) Change(c *Change) {
	if c.Timeout != nil {
		r.be32(ctaTimeout, *c.Timeout)
	}
	if c.Status != nil {
		r.be32(ctaStatus, uint32(*c.Status|monitor.Confirmed))
	}
	if c.Mark != nil {
		r.be32(ctaMark, *c.Mark)
	}
	if c.Proto != nil {
		r.protoInfo(c.Proto)
	}
	if c.Labels != nil {
		r.bytes(ctaLabels, littleWords(c.Labels))
	}
	if c.Labels != nil && c.Mask != nil {
		r.bytes(ctaLabelsMask, littleWords(c.Mask))
	}
	if c.Helper != "" {
		at := r.open(ctaHelp)
		r.bytes(ctaHelpName, append([]byte(c.Helper), 0))
		r.close(at)
	}
	r.natRange(ctaNatSrc, c.SrcNAT)
	r.natRange(ctaNatDst, c.DstNAT)
}

func (r *Request) protoInfo(p *ProtoInfo) {
	outer := r.open(ctaProtoinfo)
	at := r.open(map[monitor.Proto]uint16{
		monitor.TCP: ctaProtoinfoTCP, monitor.SCTP: ctaProtoinfoSCTP, monitor.DCCP: ctaProtoinfoDCCP,
	}[p.Proto])
	r.u8(ctaTCPState, uint8(p.State)) // the number is the same for all
	switch p.Proto {
	case monitor.TCP:
		r.bytes(ctaTCPFlagsOrig, []byte{p.TCP.FlagsOrig, p.TCP.MaskOrig})
		r.bytes(ctaTCPFlagsReply, []byte{p.TCP.FlagsReply, p.TCP.MaskReply})
	case monitor.SCTP:
		r.be32(ctaSCTPVTagOrig, p.VTags[0])
		r.be32(ctaSCTPVTagReply, p.VTags[1])
	case monitor.DCCP:
		r.u8(ctaDCCPRole, p.Role)
	}
	r.close(at)
	r.close(outer)
}

func (r *Request) natRange(typ uint16, n NATRange) {
	if n == (NATRange{}) {
		return
	}
	outer := r.open(typ)
	switch {
	case n.Addr == (monitor.Addr{}):
	case n.Addr.Is4():
		r.bytes(ctaNATv4Min, n.Addr[12:])
	default:
		r.bytes(ctaNATv6Min, n.Addr[:])
	}
	if n.Port != 0 {
		at := r.open(ctaNATProto)
		r.be16(ctaProtoNATPortMin, n.Port)
		r.be16(ctaProtoNATPortMax, n.Port)
		r.close(at)
	}
	r.close(outer)
}
