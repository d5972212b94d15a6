package table

import "natlens/monitor"

// packedRow is a Row in less than half the memory: most of the cost of a new flow
// is memory that was never touched. Attributes that few flows have are in parts of
// the chunk that are allocated when the first row needs them:
//
//	packedRow   every flow; IPv4 addresses in 4 bytes
//	wide        both tuples, where they do not fit: IPv6, or tuples at odds
//	metered     counters and times, where accounting or timestamping is on
type packedRow struct {
	gen         uint64
	known       monitor.Attrs
	first, last monitor.Time
	id, mark    uint32
	timeout     uint32
	status      monitor.Status
	addrs       [4][4]byte // original source and destination, reply source and destination
	ports       [4]uint16  // likewise
	origZone    uint16
	replyZone   uint16
	zone        uint16
	use         uint16 // capped at 65535
	epoch       uint32 // the reconciliation during which it was last touched; see rowList for rows that have ended
	tcp         monitor.TCPInfo
	netns       monitor.NetNS
	proto       monitor.Proto
	conn        monitor.State // of the connection
	path        monitor.Path
	state       RowState
}

// Beside the public bits of RowState.
const (
	rowMatches RowState = 1 << (5 + iota) // the verdict, see [CachedFilter]
	rowMatched
	rowWide // the tuples are in the wide part

	rowPublic = rowMatches - 1
)

// chunk is a run of rows that never moves.
type chunk struct {
	rows    *[chunkRows]packedRow
	wide    *[chunkRows][2]monitor.Tuple
	metered *[chunkRows]meteredRow
	filter  *CachedFilter // that the cached results of the rows come from
}

type meteredRow struct {
	orig, reply monitor.Counters
	start, stop monitor.Time
}

// meteredAttrs are the attributes whose values are in a meteredRow.
const meteredAttrs = monitor.AttrCountersOrig | monitor.AttrCountersReply | monitor.AttrStart | monitor.AttrStop

// load unpacks a row into r.
func (s *slab) load(row uint32, r *Row) {
	c, i := &s.chunks[row/chunkRows], row%chunkRows
	p := &c.rows[i]
	r.Known, r.Gen, r.First, r.Last, r.State = p.known, p.gen, p.first, p.last, p.state&rowPublic
	c.loadFlow(p, i, &r.Flow)
}

// loadFlow unpacks the flow of the chunk's i-th row, which is p.
func (c *chunk) loadFlow(p *packedRow, i uint32, f *monitor.Flow) {
	f.ID, f.Mark, f.Timeout, f.Status = p.id, p.mark, p.timeout, p.status
	f.Use, f.Zone, f.State, f.Path, f.TCP = uint32(p.use), p.zone, p.conn, p.path, p.tcp
	if p.state&rowWide == 0 {
		p.tuple(0, p.origZone, &f.Orig)
		p.tuple(2, p.replyZone, &f.Reply)
	} else {
		f.Orig, f.Reply = c.wide[i][0], c.wide[i][1]
	}
	if p.known&meteredAttrs == 0 {
		f.CountersOrig, f.CountersReply, f.Start, f.Stop = monitor.Counters{}, monitor.Counters{}, 0, 0
		return
	}
	m := &c.metered[i]
	f.CountersOrig, f.CountersReply, f.Start, f.Stop = m.orig, m.reply, m.start, m.stop
}

// save packs r into a row. Everything is written: what the row was does not
// matter, but for the epoch, which stays.
func (s *slab) save(row uint32, r *Row) {
	p := s.saveFlow(row, &r.Flow, r.Known)
	p.gen, p.first, p.last = r.Gen, r.First, r.Last
	p.state |= r.State
}

// saveFlow is save for what is known of a flow; the row's own fields are left to
// the caller, who adds to the state.
func (s *slab) saveFlow(row uint32, f *monitor.Flow, known monitor.Attrs) *packedRow {
	c, i := &s.chunks[row/chunkRows], row%chunkRows
	p := &c.rows[i]
	p.known, p.state = known, 0
	p.id, p.mark, p.timeout, p.status = f.ID, f.Mark, f.Timeout, f.Status
	p.use, p.zone, p.conn, p.path, p.tcp = uint16(min(f.Use, 0xffff)), f.Zone, f.State, f.Path, f.TCP
	p.proto, p.netns = f.Orig.Proto, f.Orig.NetNS
	p.origZone, p.replyZone = f.Orig.Zone, f.Reply.Zone
	if fitsPacked(f) {
		p.addrs = [4][4]byte{last4(&f.Orig.Src), last4(&f.Orig.Dst), last4(&f.Reply.Src), last4(&f.Reply.Dst)}
		p.ports = [4]uint16{f.Orig.SrcPort, f.Orig.DstPort, f.Reply.SrcPort, f.Reply.DstPort}
	} else {
		if c.wide == nil {
			c.wide = new([chunkRows][2]monitor.Tuple)
		}
		p.state |= rowWide
		c.wide[i] = [2]monitor.Tuple{f.Orig, f.Reply}
	}
	if known&meteredAttrs != 0 {
		if c.metered == nil {
			c.metered = new([chunkRows]meteredRow)
		}
		c.metered[i] = meteredRow{f.CountersOrig, f.CountersReply, f.Start, f.Stop}
	}
	return p
}

// is reports whether the tuple is the row's original one.
func (s *slab) is(row uint32, t *monitor.Tuple) bool {
	c, i := &s.chunks[row/chunkRows], row%chunkRows
	p := &c.rows[i]
	if p.state&rowWide != 0 {
		return c.wide[i][0] == *t
	}
	return t.Family == monitor.IPv4 && p.proto == t.Proto && p.origZone == t.Zone && p.netns == t.NetNS &&
		p.ports[0] == t.SrcPort && p.ports[1] == t.DstPort &&
		p.addrs[0] == last4(&t.Src) && p.addrs[1] == last4(&t.Dst) && monitor.Is4(&t.Src) && monitor.Is4(&t.Dst)
}

// tuple unpacks the tuple whose source is the i-th address.
func (p *packedRow) tuple(i int, zone uint16, t *monitor.Tuple) {
	t.Src.Set4(&p.addrs[i])
	t.Dst.Set4(&p.addrs[i+1])
	t.SrcPort, t.DstPort = p.ports[i], p.ports[i+1]
	t.Zone, t.NetNS, t.Proto, t.Family = zone, p.netns, p.proto, monitor.IPv4
}

// fitsPacked reports whether both tuples are IPv4 ones of one protocol.
func fitsPacked(f *monitor.Flow) bool {
	return f.Orig.Family == monitor.IPv4 && f.Reply.Family == monitor.IPv4 && f.Orig.Proto == f.Reply.Proto &&
		monitor.Is4(&f.Orig.Src) && monitor.Is4(&f.Orig.Dst) && monitor.Is4(&f.Reply.Src) && monitor.Is4(&f.Reply.Dst)
}

func last4(a *monitor.Addr) [4]byte { return [4]byte(a[12:]) }

// mergePacked does what [Table.merge] does without unpacking the row, for the
// usual event of the kernel: IPv4, both tuples as they were, and nothing
// elsewhere. It returns false and does nothing for other events.
func (p *packedRow) mergePacked(e *monitor.Event) bool {
	const elsewhere = monitor.AttrsInExtra | meteredAttrs | monitor.AttrUse |
		monitor.AttrZone | monitor.AttrZoneOrig | monitor.AttrZoneReply
	has := e.Has
	f := &e.Flow
	if e.Remembered != 0 || p.state&rowWide != 0 || (p.known|has)&elsewhere != 0 ||
		!has.All(monitor.AttrOrig|monitor.AttrReply) ||
		!p.isReply(&f.Reply) {
		return false
	}
	missing := p.known & rememberedAttrs &^ has
	swap(has, missing, monitor.AttrStatus, &p.status, &f.Status)
	swap(has, missing, monitor.AttrState, &p.conn, &f.State)
	swap(has, missing, monitor.AttrMark, &p.mark, &f.Mark)
	swap(has, missing, monitor.AttrID, &p.id, &f.ID)
	if has&monitor.AttrTimeout != 0 {
		p.timeout = f.Timeout
	}
	const tcp = monitor.AttrWScaleOrig | monitor.AttrWScaleReply | monitor.AttrTCPFlagsOrig | monitor.AttrTCPFlagsReply
	if (has|missing)&tcp != 0 {
		t := &p.tcp
		swap(has, missing, monitor.AttrWScaleOrig, &t.WScaleOrig, &f.TCP.WScaleOrig)
		swap(has, missing, monitor.AttrWScaleReply, &t.WScaleReply, &f.TCP.WScaleReply)
		swap(has, missing, monitor.AttrTCPFlagsOrig, &t.FlagsOrig, &f.TCP.FlagsOrig)
		swap(has, missing, monitor.AttrTCPFlagsOrig, &t.MaskOrig, &f.TCP.MaskOrig)
		swap(has, missing, monitor.AttrTCPFlagsReply, &t.FlagsReply, &f.TCP.FlagsReply)
		swap(has, missing, monitor.AttrTCPFlagsReply, &t.MaskReply, &f.TCP.MaskReply)
	}
	f.Path = p.path
	p.known |= has
	p.last = e.Time
	p.state &^= rowMatched
	e.Remembered = missing
	return true
}

// swap brings a value from the event into the row if the event has it, or from
// the row into the event if it is missing there.
func swap[T any](has, missing, attr monitor.Attrs, row, event *T) {
	switch {
	case has&attr != 0:
		*row = *event
	case missing&attr != 0:
		*event = *row
	}
}

// isReply reports whether the tuple is the reply tuple of a row that is not wide.
func (p *packedRow) isReply(t *monitor.Tuple) bool {
	return t.Family == monitor.IPv4 && p.proto == t.Proto && p.replyZone == t.Zone &&
		p.ports[2] == t.SrcPort && p.ports[3] == t.DstPort &&
		p.addrs[2] == last4(&t.Src) && p.addrs[3] == last4(&t.Dst) && monitor.Is4(&t.Src) && monitor.Is4(&t.Dst)
}

// born is Row.Born of the chunk's i-th row, which is p.
func (c *chunk) born(p *packedRow, i uint32) monitor.Time {
	if p.known&monitor.AttrStart != 0 {
		return c.metered[i].start
	}
	return p.born()
}

// born is Row.Born of a row without counters and times.
func (p *packedRow) born() monitor.Time {
	if p.state&RowNew != 0 {
		return p.first
	}
	return 0
}

// rememberedAttrs are the attributes that later messages of a flow leave out
// although they still hold: DESTROY contains no helper, labels, secctx or master, and
// protoinfo comes only when it changed. Timeout and counters
// change all the time and are not filled in.
const rememberedAttrs = monitor.AttrState | monitor.AttrWScaleOrig | monitor.AttrWScaleReply |
	monitor.AttrTCPFlagsOrig |
	monitor.AttrTCPFlagsReply | monitor.AttrVTagOrig | monitor.AttrVTagReply | monitor.AttrDCCPRole |
	monitor.AttrDCCPSeq | monitor.AttrHelper | monitor.AttrHelperInfo | monitor.AttrMark | monitor.AttrMaster |
	monitor.AttrSeqAdjOrig | monitor.AttrSeqAdjReply | monitor.AttrSecCtx | monitor.AttrStart |
	monitor.AttrLabels | monitor.AttrSynproxy | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
