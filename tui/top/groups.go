package top

import (
	"net/netip"
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
	"natlens/monitor/table"
	"natlens/tui/page"
)

// grouping is a choice of the fields by which flows are grouped.
type grouping struct {
	name  string // upper case: the heading
	by    string // for groups.Parse
	where func(*page.Session) bool
}

func always(*page.Session) bool { return true }

func withLocal(s *page.Session) bool { return s.Env.Local != nil }

func withPlaces(s *page.Session) bool { return s.Env.Places != nil }

// groupings are all choices but the fields that the user types. Those that the user asked for by
// a flag are among the first: narrow screens cut the line, and each takes one more key.
var groupings = []grouping{
	{"source", "src > proto,dport", always},
	{"host", "host > proto,dport", always},
	{"destination", "dst > proto,dport", always},
	{"port", "proto,dport > src", always},
	{"country", "country > as", withPlaces},
	{"AS", "as > host", withPlaces},
	{"process", "process > dst", withLocal},
	{"container", "container > dst", withLocal},
	{"namespace", "netns > src", (*page.Session).Several},
	{"protocol", "proto > src", always},
	{"state", "proto,state > src", always},
	{"NAT address", "nat.src > src", always},
	{"zone", "orig.zone > src", always},
	{"mark", "mark > src", always},
}

// row is a group of any level.
type row struct {
	groups.Sums
	path   string // identifies it
	fields []filter.Field
	key    []filter.Value // one for each field, from the first level on
	from   int            // the first field of its level
	level  int
	leaf   bool // it can't have groups within it
}

// question is what a count needs. It shares nothing with the page but the table and the counter,
// which only one count uses at a time.
type question struct {
	table   *table.Table
	filter  *table.CachedFilter
	counter *groups.Counter
	by      groups.By
	open    map[string]bool // paths of the open groups
	order   groups.Order
	reverse bool
	window  table.Window
	now     monitor.Time
}

// answer is the result of a count.
type answer struct {
	rows []row
	all  groups.Group // of all flows
	live int          // flows in the table
}

const (
	// freshSpan is the time over which new flows are counted. The table keeps ended flows as
	// long, so short flows count too.
	freshSpan = monitor.Time(5e9)

	// topGroups is the maximum number of groups of a level within a group.
	topGroups = 500
)

// count reads the table once.
func (q *question) count() (found answer) {
	c, fields := q.counter, slices.Concat(q.by...)
	c.Reset()
	c.Open = func(key []filter.Value) bool { return len(q.open) > 0 && q.open[path(fields, key)] }
	var e monitor.Event
	found.live = q.table.ScanMatching(q.filter, q.now, func(i uint32, r *table.Row, x *monitor.Extra) {
		fresh := r.State&table.RowNew != 0 && q.now-r.First < freshSpan
		if r.Ended() && !fresh {
			return
		}
		r.Event(i, x, q.now, &e)
		var s groups.Sums
		if !r.Ended() {
			s = groups.Of(&e)
			if rate := r.Rates[q.window]; r.State&table.RowRated != 0 {
				s.Rated, s.Rate = 1, groups.Both[float64]{Up: float64(rate.Up), Down: float64(rate.Down)}
			}
		}
		if fresh {
			s.New = 1
		}
		c.Add(&e, s)
	})
	found.all = c.Top(q.order, q.reverse, topGroups)
	found.rows = flatten(nil, &found.all, q.by, row{fields: fields})
	return found
}

// flatten appends the groups within one as rows, each followed by those within it.
func flatten(rows []row, within *groups.Group, by groups.By, above row) []row {
	for i := range within.Groups {
		g := &within.Groups[i]
		r := row{Sums: g.Sums, fields: above.fields, key: slices.Concat(above.key, g.Key), from: len(above.key),
			level: above.level, leaf: above.level == len(by)-1}
		r.path = path(r.fields, r.key)
		rows = append(rows, r)
		r.level++
		rows = flatten(rows, g, by, r)
	}
	return rows
}

// path returns a text that only these values of these fields have.
func path(fields []filter.Field, key []filter.Value) string {
	var out []byte
	for i, v := range key {
		out = append(append(out, fields[i].Text(v)...), 0)
	}
	return string(out)
}

// condition returns the filter of a group's flows.
func (r *row) condition() string {
	var all []filter.Expr
	for i, v := range r.key {
		all = append(all, r.fields[i].Is(v))
	}
	return filter.AllOf(all...).String()
}

// text returns the name of a group, and whether it is an address.
func (r *row) text(s *page.Session) (text string, address bool) {
	var parts []string
	for i := r.from; i < len(r.key); i++ {
		f, v := r.fields[i], r.key[i]
		part, proto := monitor.Escape(f.Text(v)), ""
		if i > 0 {
			proto = r.fields[i-1].Text(r.key[i-1])
		}
		n, number := f.JSON(v).(uint64)
		addr, err := netip.ParseAddr(part)
		switch name := ""; {
		case number && f == filter.FieldOrigDPort:
			if name = s.Names.Service(protocols[proto], uint16(n)); name != "" {
				part += "  " + name
			}
		case number:
			part = strings.TrimPrefix(f.String(), "orig.") + " " + part
		case err == nil && f.Sided():
			address = true
			if name = s.Names.Addr(addr); name != "" {
				part += "  " + name
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " "), address
}

// protocols are those whose ports have names.
var protocols = map[string]monitor.Proto{"tcp": monitor.TCP, "udp": monitor.UDP, "sctp": monitor.SCTP}
