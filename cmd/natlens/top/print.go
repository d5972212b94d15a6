package top

import (
	"encoding/json"
	"strings"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
	"natlens/monitor/human"
)

func (o *options) print(top *groups.Group, at monitor.Time) error {
	var out []byte
	if o.format == "json" {
		ts := string(new(text.RFC3339).AppendTo(nil, at))
		b, err := json.Marshal(document{V: 1, TS: ts, By: o.by.String(), object: o.object(top, o.by)})
		if err != nil {
			return err
		}
		out = append(monitor.EscapeJSON(b), '\n')
	} else {
		out = []byte(o.pretty(top, at))
		if o.con.ASCII() {
			out = text.ASCII(out)
		}
	}
	_, err := o.con.Stdout.Write(out)
	return err
}

// document is what one print is in JSON, as docs/json.md describes it.
type document struct {
	V  int    `json:"v"`
	TS string `json:"ts"`
	By string `json:"by"`
	object
}

type object struct {
	Key     map[string]any `json:"key,omitempty"`
	Flows   uint64         `json:"flows"`
	New     *uint64        `json:"new,omitempty"`
	Counted uint64         `json:"counted,omitempty"` // if only some flows are
	Bytes   *both          `json:"bytes,omitempty"`
	Packets *both          `json:"packets,omitempty"`
	Rate    *both          `json:"rate,omitempty"`
	Groups  []object       `json:"groups,omitzero"`
	More    int            `json:"more,omitempty"`
}

type both struct {
	Up   uint64 `json:"up"`
	Down uint64 `json:"down"`
}

// object returns a group whose groups are by the first level.
func (o *options) object(g *groups.Group, by groups.By) object {
	out := object{Flows: g.Flows, More: g.More}
	if o.rates.Ready() {
		out.New = &g.New
	}
	if g.Counted > 0 {
		out.Bytes, out.Packets = &both{g.Bytes.Up, g.Bytes.Down}, &both{g.Packets.Up, g.Packets.Down}
		if g.Counted < g.Flows {
			out.Counted = g.Counted
		}
	}
	if g.Rated > 0 {
		out.Rate = &both{uint64(g.Rate.Up + 0.5), uint64(g.Rate.Down + 0.5)}
	}
	if len(by) > 0 {
		out.Groups = []object{}
	}
	for i := range g.Groups {
		in := o.object(&g.Groups[i], by[1:])
		in.Key = map[string]any{}
		for j, f := range by[0] {
			in.Key[f.String()] = f.JSON(g.Groups[i].Key[j])
		}
		out.Groups = append(out.Groups, in)
	}
	return out
}

// pretty returns the time, the sums of all flows, and a table of the groups.
func (o *options) pretty(top *groups.Group, at monitor.Time) string {
	head := []string{at.Time().In(time.Local).Format(time.TimeOnly), human.Plural(top.Flows, "flow")}
	titles := []string{strings.ToUpper(o.by.String()), "FLOWS"}
	if o.rates.Ready() {
		titles = append(titles, "NEW")
	}
	if top.Rated > 0 {
		titles = append(titles, "UP", "DOWN", "RATE")
		head = append(head, human.Rate(top.Rate.Sum(), o.bits))
	}
	if top.Counted > 0 {
		titles = append(titles, "BYTES")
		head = append(head, human.Bytes(top.Bytes.Sum()))
	}
	titles = append(titles, "SHARE")
	rows := o.rows([][]string{titles}, top, top, o.by, "")
	out := strings.Join(head, ", ") + "\n"
	if len(top.Groups) > 0 {
		out += cli.Columns(rows, 1, len(titles))
	}
	if o.interval > 0 {
		out += "\n"
	}
	return out
}

// rows appends the groups within g, each with those within it.
func (o *options) rows(rows [][]string, top, g *groups.Group, by groups.By, indent string) [][]string {
	for i := range g.Groups {
		in := &g.Groups[i]
		row := []string{indent + name(by[0], in.Key), human.Count(in.Flows)}
		if o.rates.Ready() {
			row = append(row, human.Count(in.New))
		}
		if top.Rated > 0 {
			for _, rate := range []float64{in.Rate.Up, in.Rate.Down, in.Rate.Sum()} {
				row = append(row, unless(in.Rated == 0, human.Rate(rate, o.bits)))
			}
		}
		if top.Counted > 0 {
			row = append(row, unless(in.Counted == 0, human.Bytes(in.Bytes.Sum())))
		}
		rows = append(rows, append(row, o.share(top, in)))
		rows = o.rows(rows, top, in, by[1:], indent+"  ")
	}
	if g.More > 0 {
		rows = append(rows, []string{indent + "and " + human.Count(uint64(g.More)) + " more"})
	}
	return rows
}

// name returns the values of a group for people.
func name(by []filter.Field, key []filter.Value) string {
	words := make([]string, len(key))
	for i, v := range key {
		words[i] = monitor.Escape(by[i].Text(v))
	}
	return strings.Join(words, " ")
}

func unless(unknown bool, text string) string {
	if unknown {
		return "-"
	}
	return text
}

// share returns which part of the sorted column a group has.
func (o *options) share(top, g *groups.Group) string {
	part, all := float64(g.Flows), float64(top.Flows)
	switch o.order {
	case groups.ByRate:
		part, all = g.Rate.Sum(), top.Rate.Sum()
	case groups.ByBytes:
		part, all = float64(g.Bytes.Sum()), float64(top.Bytes.Sum())
	case groups.ByNew:
		part, all = float64(g.New), float64(top.New)
	}
	if all == 0 {
		part, all = 0, 1
	}
	return human.Percent(part / all)
}
