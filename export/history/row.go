package history

import (
	"encoding/binary"
	"hash/crc32"

	"natlens/monitor"
)

// rowColumns are the columns of flow, in the order of bindRow and scanRow.
const rowColumns = "id,start,took,proto,src,sport,dst,dport,nsrc,nsport,ndst,ndport,nat,zone,netns,icmp,bytes,packets,rbytes,rpackets,reason,state,status,doubt,sum"

const rowWidth = 25

// bindRow binds a closed translation to the parameters behind base; netns is its
// namespace in the segment, 0 the one of meta.
func bindRow(s *stmt, base int, id int64, t *Translation, netns int64) {
	s.bindInt(base+1, id)
	s.bindInt(base+2, int64(t.Start))
	s.bindInt(base+3, int64(t.End-t.Start))
	s.bindInt(base+4, int64(t.Proto))
	bindEndpoint(s, base+5, t.From)
	bindEndpoint(s, base+7, t.To)
	if t.NAT&SNAT != 0 {
		bindEndpoint(s, base+9, t.SentAs)
	} else {
		s.bindNull(base + 9)
		s.bindNull(base + 10)
	}
	if t.NAT&DNAT != 0 {
		bindEndpoint(s, base+11, t.DeliveredTo)
	} else {
		s.bindNull(base + 11)
		s.bindNull(base + 12)
	}
	s.bindInt(base+13, int64(t.NAT))
	bindIf(s, base+14, t.Zone != 0, int64(t.Zone))
	bindIf(s, base+15, netns != 0, netns)
	bindIf(s, base+16, t.Proto.IsICMP(), int64(t.ICMP))
	bindIf(s, base+17, t.Counted, int64(t.Original.Bytes))
	bindIf(s, base+18, t.Counted, int64(t.Original.Packets))
	bindIf(s, base+19, t.Counted, int64(t.Reply.Bytes))
	bindIf(s, base+20, t.Counted, int64(t.Reply.Packets))
	s.bindInt(base+21, int64(t.Reason))
	bindIf(s, base+22, t.HasState, int64(t.State))
	s.bindInt(base+23, int64(t.Status))
	s.bindInt(base+24, int64(t.Doubt))
	s.bindInt(base+25, t.sum(id, netns))
}

func bindEndpoint(s *stmt, i int, p monitor.Endpoint) {
	if p.Addr.Is4() {
		s.bindInt(i, int64(binary.BigEndian.Uint32(p.Addr[12:])))
	} else {
		s.bindBlob(i, p.Addr[:])
	}
	s.bindInt(i+1, int64(p.Port))
}

func bindIf(s *stmt, i int, known bool, v int64) {
	if known {
		s.bindInt(i, v)
	} else {
		s.bindNull(i)
	}
}

// columns is a row that is read: of a statement, or of a sealedFile.
type columns interface {
	int(column int) int64
	kind(column int) int32
	blob(column int) []byte // good until the next row
}

// scanRow reads a row with rowColumns. ok is false if the row is
// not as it was written.
func scanRow(s columns, t *Translation) (id, netns int64, ok bool) {
	id, netns = s.int(0), s.int(14)
	*t = Translation{
		Start: monitor.Time(s.int(1)), End: monitor.Time(s.int(1) + s.int(2)), Proto: monitor.Proto(s.int(3)),
		NAT: Kind(s.int(12)), Zone: uint16(s.int(13)), ICMP: uint16(s.int(15)),
		Original: monitor.Counters{Bytes: uint64(s.int(16)), Packets: uint64(s.int(17))},
		Reply:    monitor.Counters{Bytes: uint64(s.int(18)), Packets: uint64(s.int(19))},
		Counted:  s.kind(16) != columnNull, Reason: Reason(s.int(20)),
		State: monitor.State(s.int(21)), HasState: s.kind(21) != columnNull,
		Status: monitor.Status(s.int(22)), Doubt: Doubt(s.int(23)),
	}
	okFrom, okTo := scanEndpoint(s, 4, &t.From), scanEndpoint(s, 6, &t.To)
	t.SentAs, t.DeliveredTo = t.From, t.To
	okAs, okAt := true, true
	if t.NAT&SNAT != 0 {
		okAs = scanEndpoint(s, 8, &t.SentAs)
	}
	if t.NAT&DNAT != 0 {
		okAt = scanEndpoint(s, 10, &t.DeliveredTo)
	}
	t.Family = monitor.IPv6
	if t.From.Addr.Is4() {
		t.Family = monitor.IPv4
	}
	return id, netns, okFrom && okTo && okAs && okAt && t.sum(id, netns) == s.int(24)
}

func scanEndpoint(s columns, i int, p *monitor.Endpoint) bool {
	p.Port = uint16(s.int(i + 1))
	if s.kind(i) == columnBlob {
		return copy(p.Addr[:], s.blob(i)) == len(p.Addr)
	}
	var four [4]byte
	n := s.int(i)
	binary.BigEndian.PutUint32(four[:], uint32(n))
	p.Addr = monitor.AddrFrom4(four)
	return s.kind(i) != columnNull && n>>32 == 0
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is the checksum of a row: the low 24 bits of a CRC-32C over what its columns
// say. SQLite has no checksums of its own: a disk's error must not name the wrong
// host.
func (t *Translation) sum(id, netns int64) int64 {
	var b [160]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], uint64(id))
	le.PutUint64(b[8:], uint64(t.Start))
	le.PutUint64(b[16:], uint64(t.End))
	for i, p := range [...]*monitor.Endpoint{&t.From, &t.To, &t.SentAs, &t.DeliveredTo} {
		copy(b[24+18*i:], p.Addr[:])
		le.PutUint16(b[40+18*i:], p.Port)
	}
	le.PutUint64(b[96:], t.Original.Bytes)
	le.PutUint64(b[104:], t.Original.Packets)
	le.PutUint64(b[112:], t.Reply.Bytes)
	le.PutUint64(b[120:], t.Reply.Packets)
	le.PutUint32(b[128:], uint32(t.Status))
	le.PutUint16(b[132:], t.Zone)
	le.PutUint16(b[134:], t.ICMP)
	b[136], b[137], b[138] = byte(t.Proto), byte(t.NAT), byte(t.Reason)
	b[139], b[140], b[141], b[142] = byte(t.State), bit(t.HasState), byte(t.Doubt), bit(t.Counted)
	le.PutUint16(b[143:], uint16(netns))
	return int64(crc32.Checksum(b[:145], castagnoli) & 0xffffff)
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}
