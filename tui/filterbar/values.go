package filterbar

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/table"
	"natlens/tui/page"
)

// seenValues is the maximum number of values that are offered for a field.
const seenValues = 50

// values returns the values of a field in the table, the most frequent first, for completion.
func (b *Bar) values(f filter.Field) []string {
	count := make(map[string]int)
	scanned := 0
	b.s.Table.Scan(func(_ uint32, r *table.Row, x *monitor.Extra) bool {
		if v := fieldValue(f, r, x); v != "" && (len(count) < 4096 || count[v] > 0) {
			count[v]++
		}
		scanned++
		return scanned < 20_000 // a sample, because completion must be fast
	})
	out := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], strings.Compare(a, b))
	})
	return out[:min(len(out), seenValues)]
}

// fieldValue returns the value of a field in a row, as the filter language writes it; "" for
// fields with too many values to offer.
func fieldValue(f filter.Field, r *table.Row, x *monitor.Extra) string {
	fl := &r.Flow
	port := func(n uint16) string {
		if !fl.Orig.Proto.HasPorts() {
			return ""
		}
		return strconv.Itoa(int(n))
	}
	switch f {
	case filter.FieldHost, filter.FieldOrigSrc:
		return fl.Orig.Src.String()
	case filter.FieldOrigDst:
		return fl.Orig.Dst.String()
	case filter.FieldReplySrc, filter.FieldNATDst:
		return fl.Reply.Src.String()
	case filter.FieldReplyDst, filter.FieldNATSrc:
		return fl.Reply.Dst.String()
	case filter.FieldPort, filter.FieldOrigDPort:
		return port(fl.Orig.DstPort)
	case filter.FieldOrigSPort:
		return port(fl.Orig.SrcPort)
	case filter.FieldReplySPort, filter.FieldNATDPort:
		return port(fl.Reply.SrcPort)
	case filter.FieldReplyDPort, filter.FieldNATSPort:
		return port(fl.Reply.DstPort)
	case filter.FieldProto:
		return fl.Orig.Proto.String()
	}
	switch known := r.Known.Any; {
	case f == filter.FieldState && known(monitor.AttrState):
		return strings.ToLower(fl.State.Name(fl.Orig.Proto))
	case f == filter.FieldMark && known(monitor.AttrMark):
		return page.Hex(uint64(fl.Mark))
	case f == filter.FieldZone && known(monitor.AttrZone):
		return strconv.Itoa(int(fl.Zone))
	case f == filter.FieldHelper && known(monitor.AttrHelper) && x != nil:
		return string(x.Helper)
	}
	return ""
}
