package history

import (
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"natlens/monitor"
)

// parquetRow is a row. Its columns are those of CSV, with times as times and
// numbers as numbers.
type parquetRow struct {
	Start        int64   `parquet:"start,timestamp(nanosecond),delta"`
	End          int64   `parquet:"end,optional,timestamp(nanosecond)"` // 0 is absent
	Proto        string  `parquet:"proto,dict"`
	ProtoNum     int32   `parquet:"protonum"`
	NAT          string  `parquet:"nat,dict"`
	Side         string  `parquet:"side,dict"`
	Inside       string  `parquet:"inside,dict"`
	InsidePort   int32   `parquet:"inside_port"`
	Outside      string  `parquet:"outside,dict"`
	OutsidePort  int32   `parquet:"outside_port"`
	Peer         string  `parquet:"peer"`
	PeerPort     int32   `parquet:"peer_port"`
	OrigSrc      string  `parquet:"orig_src"`
	OrigSPort    int32   `parquet:"orig_sport"`
	OrigDst      string  `parquet:"orig_dst"`
	OrigDPort    int32   `parquet:"orig_dport"`
	ReplySrc     string  `parquet:"reply_src"`
	ReplySPort   int32   `parquet:"reply_sport"`
	ReplyDst     string  `parquet:"reply_dst"`
	ReplyDPort   int32   `parquet:"reply_dport"`
	ICMPType     *int32  `parquet:"icmp_type,optional"`
	ICMPCode     *int32  `parquet:"icmp_code,optional"`
	Zone         *int32  `parquet:"zone,optional"`
	NetNS        *string `parquet:"netns,optional,dict"`
	OrigPackets  *int64  `parquet:"orig_packets,optional"`
	OrigBytes    *int64  `parquet:"orig_bytes,optional"`
	ReplyPackets *int64  `parquet:"reply_packets,optional"`
	ReplyBytes   *int64  `parquet:"reply_bytes,optional"`
	State        *string `parquet:"state,optional,dict"`
	Status       string  `parquet:"status,dict"`
	Reason       *string `parquet:"reason,optional,dict"`
	Doubt        string  `parquet:"doubt,dict"`
}

// parquetRows is how many rows a row group has: what is held in memory at once.
const parquetRows = 100_000

// Parquet is the RowWriter of Parquet files.
type Parquet struct {
	w     *parquet.GenericWriter[parquetRow]
	batch []parquetRow
}

// NewParquet writes Parquet, packed with zstd.
func NewParquet(w io.Writer) *Parquet {
	return &Parquet{
		w:     parquet.NewGenericWriter[parquetRow](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(parquetRows)),
		batch: make([]parquetRow, 0, 1024),
	}
}

// known returns a pointer to the value, or nil where it is not known.
func known[T any](v T, is bool) *T {
	if !is {
		return nil
	}
	return &v
}

// Write implements RowWriter.
func (p *Parquet) Write(a *Answer) error {
	if len(p.batch) == cap(p.batch) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	inside, outside, peer := ends(a)
	text := func(e monitor.Endpoint) string { return e.Addr.String() }
	state := stateText(&a.Translation)
	p.batch = append(p.batch, parquetRow{
		Start: int64(a.Start), End: int64(a.End), Proto: protoText(a.Proto), ProtoNum: int32(a.Proto),
		NAT: a.NAT.String(), Side: a.Side.String(),
		Inside: text(inside), InsidePort: int32(inside.Port), Outside: text(outside), OutsidePort: int32(outside.Port),
		Peer: text(peer), PeerPort: int32(peer.Port),
		OrigSrc: text(a.From), OrigSPort: int32(a.From.Port), OrigDst: text(a.To), OrigDPort: int32(a.To.Port),
		ReplySrc: text(a.DeliveredTo), ReplySPort: int32(a.DeliveredTo.Port), ReplyDst: text(a.SentAs), ReplyDPort: int32(a.SentAs.Port),
		ICMPType: known(int32(a.ICMP>>8), a.Proto.IsICMP()), ICMPCode: known(int32(a.ICMP&0xff), a.Proto.IsICMP()),
		Zone: known(int32(a.Zone), a.Zone != 0), NetNS: known(a.Namespace, a.Namespace != ""),
		OrigPackets: known(int64(a.Original.Packets), a.Counted), OrigBytes: known(int64(a.Original.Bytes), a.Counted),
		ReplyPackets: known(int64(a.Reply.Packets), a.Counted), ReplyBytes: known(int64(a.Reply.Bytes), a.Counted),
		State: known(state, state != ""), Status: strings.Join(a.Status.Names(), " "),
		Reason: known(a.Reason.String(), a.End != 0), Doubt: strings.Join(a.Doubt.Names(), " "),
	})
	return nil
}

func (p *Parquet) flush() error {
	_, err := p.w.Write(p.batch)
	p.batch = p.batch[:0]
	return err
}

// Close implements RowWriter.
func (p *Parquet) Close() error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.w.Close()
}
