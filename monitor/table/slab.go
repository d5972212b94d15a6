package table

import "natlens/monitor"

// slab contains rows in chunks that never move, so it grows without copying.
type slab struct {
	chunks []chunk
	free   rowList
	next   uint32
}

const chunkRows = 4096

func (s *slab) at(row uint32) *packedRow { return &s.chunks[row/chunkRows].rows[row%chunkRows] }

// chunkOf returns the chunk of a row and the row's place in it.
func (s *slab) chunkOf(row uint32) (*chunk, uint32) { return &s.chunks[row/chunkRows], row % chunkRows }

// take returns a free row with arbitrary contents.
func (s *slab) take() uint32 {
	if row, ok := s.free.first(); ok {
		s.free.drop(s)
		return row
	}
	if int(s.next/chunkRows) == len(s.chunks) {
		s.chunks = append(s.chunks, chunk{rows: new([chunkRows]packedRow)})
	}
	s.next++
	return s.next - 1
}

// release frees a row. It is the next one that take returns, because it is in the processor's
// cache.
func (s *slab) release(row uint32) {
	s.at(row).gen = 0
	s.free.prepend(s, row)
}

// rowList is a linked list of ended rows. The links are in the rows, because a slice of a
// million numbers would be copied when it grows, which stalls the capture loop. A row is in at
// most one list. The link is its epoch, which only live rows need: the next row + 1, or 0 at
// the end.
type rowList struct {
	head, tail uint32 // row + 1; 0: the list is empty
}

// append puts the row at the end.
func (l *rowList) append(s *slab, row uint32) {
	s.at(row).epoch = 0
	if l.head == 0 {
		l.head = row + 1
	} else {
		s.at(l.tail - 1).epoch = row + 1
	}
	l.tail = row + 1
}

// prepend puts the row at the head.
func (l *rowList) prepend(s *slab, row uint32) {
	s.at(row).epoch = l.head
	l.head = row + 1
	if l.tail == 0 {
		l.tail = l.head
	}
}

// first returns the row at the head.
func (l *rowList) first() (row uint32, ok bool) { return l.head - 1, l.head != 0 }

// drop removes the row at the head. The list must not be empty.
func (l *rowList) drop(s *slab) {
	if l.head = s.at(l.head - 1).epoch; l.head == 0 {
		l.tail = 0
	}
}

// packedRow is a Row in less than half the memory: most of the cost of a new flow is memory
// that was never touched. Attributes that few flows have are in parts of the chunk that are
// allocated for the first row that needs them:
//
//	packedRow   every flow; IPv4 addresses in 4 bytes
//	wide        both tuples if they do not fit: IPv6, or tuples that do not correspond
//	metered     counters and times, with accounting or timestamping
//	rated       rates, with Config.Rates
type packedRow struct {
	gen         uint64
	known       monitor.Attrs
	first, last monitor.Time
	id, mark    uint32
	timeout     uint32
	status      monitor.Status
	addrs       [4][4]byte // original source and destination, reply source and destination
	ports       [4]uint16  // in the same order
	origZone    uint16
	replyZone   uint16
	zone        uint16
	use         uint16 // capped at 65535
	epoch       uint32 // the reconciliation that last touched it; see rowList for ended rows
	tcp         monitor.TCPInfo
	netns       monitor.NetNS
	proto       monitor.Proto
	conn        monitor.State // of the connection
	path        monitor.Path
	state       RowState
}

// Beside the public bits of RowState.
const (
	rowMatches RowState = 1 << (5 + iota) // the cached result, see [CachedFilter]
	rowMatched
	rowWide // the tuples are in the wide part

	rowPublic = rowMatches - 1
)

// chunk is a block of rows that never moves.
type chunk struct {
	rows    *[chunkRows]packedRow
	wide    *[chunkRows][2]monitor.Tuple
	metered *[chunkRows]meteredRow
	rated   *[chunkRows]ratedRow
	filter  *CachedFilter // which made the cached results of the rows
}

type meteredRow struct {
	orig, reply monitor.Counters
	start, stop monitor.Time
}

// meteredAttrs are the attributes whose values are in a meteredRow.
const meteredAttrs = monitor.AttrCountersOrig | monitor.AttrCountersReply | monitor.AttrStart | monitor.AttrStop

// load unpacks a row into r.
func (s *slab) load(row uint32, r *Row) {
	c, i := s.chunkOf(row)
	p := &c.rows[i]
	r.Known, r.Gen, r.First, r.Last, r.State = p.known, p.gen, p.first, p.last, p.state&rowPublic
	c.loadFlow(p, i, &r.Flow)
	r.Rates = [Windows]Rate{}
	if p.state&(RowRated|RowEnded) == RowRated {
		r.Rates = c.rated[i].rates
	}
}

// loadFlow unpacks the flow of the chunk's i-th row, which is p.
func (c *chunk) loadFlow(p *packedRow, i uint32, f *monitor.Flow) {
	f.ID, f.Mark, f.Timeout, f.Status = p.id, p.mark, p.timeout, p.status
	f.Use, f.Zone, f.State, f.Path, f.TCP = uint32(p.use), p.zone, p.conn, p.path, p.tcp
	f.Orig, f.Reply = c.tuples(p, i)
	if p.known&meteredAttrs == 0 {
		f.CountersOrig, f.CountersReply, f.Start, f.Stop = monitor.Counters{}, monitor.Counters{}, 0, 0
		return
	}
	m := &c.metered[i]
	f.CountersOrig, f.CountersReply, f.Start, f.Stop = m.orig, m.reply, m.start, m.stop
}

// tuples unpacks the tuples of the chunk's i-th row, which is p.
func (c *chunk) tuples(p *packedRow, i uint32) (orig, reply monitor.Tuple) {
	if p.state&rowWide != 0 {
		return c.wide[i][0], c.wide[i][1]
	}
	p.tuple(0, p.origZone, &orig)
	p.tuple(2, p.replyZone, &reply)
	return orig, reply
}

// tuple unpacks the tuple whose source is the i-th address.
func (p *packedRow) tuple(i int, zone uint16, t *monitor.Tuple) {
	t.Src.Set4(&p.addrs[i])
	t.Dst.Set4(&p.addrs[i+1])
	t.SrcPort, t.DstPort = p.ports[i], p.ports[i+1]
	t.Zone, t.NetNS, t.Proto, t.Family = zone, p.netns, p.proto, monitor.IPv4
}

// save packs a flow into a row. The caller sets the row's other fields, and adds to the state.
func (s *slab) save(row uint32, f *monitor.Flow, known monitor.Attrs) *packedRow {
	c, i := s.chunkOf(row)
	p := &c.rows[i]
	p.known, p.state = 0, 0
	p.id, p.mark, p.timeout, p.status = f.ID, f.Mark, f.Timeout, f.Status
	p.use, p.zone, p.conn, p.path, p.tcp = uint16(min(f.Use, 0xffff)), f.Zone, f.State, f.Path, f.TCP
	c.setTuples(p, i, &f.Orig, &f.Reply)
	if known&meteredAttrs != 0 {
		*c.meter(p, i) = meteredRow{f.CountersOrig, f.CountersReply, f.Start, f.Stop}
	}
	p.known = known
	return p
}

// setTuples packs the tuples of the chunk's i-th row, which is p.
func (c *chunk) setTuples(p *packedRow, i uint32, orig, reply *monitor.Tuple) {
	p.proto, p.netns, p.origZone, p.replyZone = orig.Proto, orig.NetNS, orig.Zone, reply.Zone
	if isIPv4(orig) && isIPv4(reply) && orig.Proto == reply.Proto {
		p.state &^= rowWide
		p.addrs = [4][4]byte{last4(&orig.Src), last4(&orig.Dst), last4(&reply.Src), last4(&reply.Dst)}
		p.ports = [4]uint16{orig.SrcPort, orig.DstPort, reply.SrcPort, reply.DstPort}
		return
	}
	if c.wide == nil {
		c.wide = new([chunkRows][2]monitor.Tuple)
	}
	p.state |= rowWide
	c.wide[i] = [2]monitor.Tuple{*orig, *reply}
}

// meter returns the counters and times of the chunk's i-th row, which is p.
func (c *chunk) meter(p *packedRow, i uint32) *meteredRow {
	if c.metered == nil {
		c.metered = new([chunkRows]meteredRow)
	}
	if p.known&meteredAttrs == 0 {
		c.metered[i] = meteredRow{} // of an earlier flow
	}
	return &c.metered[i]
}

func isIPv4(t *monitor.Tuple) bool {
	return t.Family == monitor.IPv4 && monitor.Is4(&t.Src) && monitor.Is4(&t.Dst)
}

func last4(a *monitor.Addr) [4]byte { return [4]byte(a[12:]) }

// is reports whether the tuple is the row's original one.
func (s *slab) is(row uint32, t *monitor.Tuple) bool {
	c, i := s.chunkOf(row)
	p := &c.rows[i]
	if p.state&rowWide != 0 {
		return c.wide[i][0] == *t
	}
	return p.netns == t.NetNS && p.is(0, p.origZone, t)
}

// is reports whether a tuple equals the one of a row that is not wide, whose source is the i-th
// address. The namespace is not compared.
func (p *packedRow) is(i int, zone uint16, t *monitor.Tuple) bool {
	return p.proto == t.Proto && zone == t.Zone && p.ports[i] == t.SrcPort && p.ports[i+1] == t.DstPort &&
		p.addrs[i] == last4(&t.Src) && p.addrs[i+1] == last4(&t.Dst) && isIPv4(t)
}

// born returns Row.Born of the chunk's i-th row, which is p.
func (c *chunk) born(p *packedRow, i uint32) monitor.Time {
	switch {
	case p.known&monitor.AttrStart != 0:
		return c.metered[i].start
	case p.state&RowNew != 0:
		return p.first
	}
	return 0
}
