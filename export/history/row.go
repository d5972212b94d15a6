package history

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// appendRow appends the values of columns for one side of a translation.
func appendRow(args []any, t *translation.Translation, s translation.Side) []any {
	args = append(args, int64(t.Number), int64(t.Start), int64(t.End), int64(t.Proto), s.String())
	_, _, sentAs, deliveredTo := t.Ends()
	far := deliveredTo // the peer after the other side's rewrite
	if s == translation.DestinationSide {
		far = sentAs
	}
	for _, e := range [...]translation.End{t.Inside(s), t.Outside(s), t.Peer(s), far} {
		args = append(args, e.Addr.String(), ifKnown(e.HasPort, e.Port))
	}
	if len(t.Sides()) == 1 { // nothing rewrites the peer
		args[len(args)-2], args[len(args)-1] = nil, nil
	}
	var local any
	if t.Local != nil {
		text, _ := t.Local.MarshalJSON() // names are texts, so it does not fail
		local = string(text)
	}
	return append(args, int64(t.NAT), ifKnown(t.Proto.IsICMP(), t.ICMP), int64(t.Zone), t.Namespace,
		ifKnown(t.HasID, t.ID), ifKnown(t.HasState, t.State), int64(t.Status), int64(t.Reason), int64(t.Doubt),
		ifKnown(t.Counted, t.Original.Packets), ifKnown(t.Counted, t.Original.Bytes),
		ifKnown(t.Counted, t.Reply.Packets), ifKnown(t.Counted, t.Reply.Bytes), local)
}

func ifKnown[N uint16 | uint32 | uint64 | monitor.State](known bool, n N) any {
	if !known {
		return nil
	}
	return int64(n)
}

// row reads columns.
type row struct {
	t    translation.Translation
	side translation.Side // the side that the row describes

	sideText                                         string
	ends                                             [4]scanEnd // inside, outside, peer, peer_nat
	icmp                                             sql.Null[uint16]
	ctid                                             sql.Null[uint32]
	state                                            sql.Null[monitor.State]
	origPackets, origBytes, replyPackets, replyBytes sql.NullInt64
	local                                            []byte
}

type scanEnd struct {
	addr sql.NullString
	port sql.Null[uint16]
}

func (r *row) dest() []any {
	t := &r.t
	dest := []any{&t.Number, &t.Start, &t.End, &t.Proto, &r.sideText}
	for i := range r.ends {
		dest = append(dest, &r.ends[i].addr, &r.ends[i].port)
	}
	return append(dest, &t.NAT, &r.icmp, &t.Zone, &t.Namespace, &r.ctid, &r.state, &t.Status, &t.Reason, &t.Doubt,
		&r.origPackets, &r.origBytes, &r.replyPackets, &r.replyBytes, &r.local)
}

// finish completes t and side from what Scan has read.
func (r *row) finish() error {
	t := &r.t
	t.ICMP, t.ID, t.HasID, t.State, t.HasState = r.icmp.V, r.ctid.V, r.ctid.Valid, r.state.V, r.state.Valid
	t.Counted = r.origPackets.Valid
	t.Original = monitor.Counters{Packets: uint64(r.origPackets.Int64), Bytes: uint64(r.origBytes.Int64)}
	t.Reply = monitor.Counters{Packets: uint64(r.replyPackets.Int64), Bytes: uint64(r.replyBytes.Int64)}
	if t.Local = nil; r.local != nil {
		if err := json.Unmarshal(r.local, &t.Local); err != nil {
			return fmt.Errorf("flow %d: %w", t.Number, err)
		}
	}
	if !r.ends[3].addr.Valid {
		r.ends[3] = r.ends[2]
	}
	var ends [4]monitor.Endpoint
	for i, e := range r.ends {
		addr, err := netip.ParseAddr(e.addr.String)
		if err != nil {
			return fmt.Errorf("flow %d: %w", t.Number, err)
		}
		ends[i] = monitor.Endpoint{Addr: monitor.AddrFrom(addr), Port: e.port.V}
	}
	if r.side = translation.SourceSide; r.sideText == translation.DestinationSide.String() {
		r.side = translation.DestinationSide
		t.DeliveredTo, t.To, t.From, t.SentAs = ends[0], ends[1], ends[2], ends[3]
	} else {
		t.From, t.SentAs, t.To, t.DeliveredTo = ends[0], ends[1], ends[2], ends[3]
	}
	t.Family = t.From.Addr.Family()
	return nil
}

// scanRows calls fn for every row of a query that selects more and columns.
func scanRows(ctx context.Context, db querier, query string, args []any, fn func(*row) error, more ...any) error {
	var r row
	return scan(ctx, db, query, args, func() error {
		if err := r.finish(); err != nil {
			return err
		}
		return fn(&r)
	}, append(more, r.dest()...)...)
}

// schemaVersion is the user_version of the files. Files with another version are
// rejected.
const schemaVersion = 3

// applicationID marks natlens's files: "natl".
const applicationID = 0x6e61746c

var (
	//go:embed closed.sql
	closedSQL string
	//go:embed open.sql
	openSQL string

	// The statements that make a file of closed translations, and open.sqlite.
	closedSchema = statements(closedSQL)
	openSchema   = statements(openSQL)

	// columns are the columns that tables translation and open both have: all except the id of
	// translation.
	columns = strings.Join(regexp.MustCompile(`(?m)^\t[a-z_]+`).FindAllString(openSchema[0], -1), ",")
)

func statements(sql string) []string { return strings.Split(strings.TrimSuffix(sql, ";\n"), ";\n\n") }

// insertInto returns an INSERT of the values of more and of columns.
func insertInto(table string, more ...string) string {
	names := strings.Join(append(more, columns), ",")
	marks := strings.Repeat(",?", strings.Count(names, ","))
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", table, names, marks)
}
