// Package groups sums flows by fields of the filter language: how many flows, bytes and bytes a
// second each host, port or process has.
//
//	by, err := groups.Parse("host > proto,dport")
//	c := groups.New(by, filter.Env{})
//	c.Add(&event, groups.Of(&event)) // for each flow
//	top := c.Top(groups.ByBytes, 10)
//
// A flow belongs to a group for each value that filter.Field.Reader returns: to both of its
// hosts, and to none if the field is unknown.
package groups

import (
	"fmt"
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// By are the fields by which flows are grouped. The groups of each level are within those of
// the level before. A level of several fields has a group for each combination of their values.
type By [][]filter.Field

// Parse reads levels of fields, such as "host" and "host > proto,dport". The error names the
// wrong word.
func Parse(text string) (by By, err error) {
	var seen []filter.Field
	for part := range strings.SplitSeq(text, ">") {
		var level []filter.Field
		for word := range strings.SplitSeq(part, ",") {
			f, err := filter.FieldByName(strings.TrimSpace(word))
			switch {
			case err != nil:
				return nil, err
			case slices.Contains(seen, f):
				return nil, fmt.Errorf("%s is given twice", f)
			}
			level, seen = append(level, f), append(seen, f)
		}
		by = append(by, level)
	}
	return by, nil
}

// String returns the text that Parse reads.
func (b By) String() string {
	levels := make([]string, len(b))
	for i, level := range b {
		words := make([]string, len(level))
		for j, f := range level {
			words[j] = f.String()
		}
		levels[i] = strings.Join(words, ",")
	}
	return strings.Join(levels, " > ")
}

// Both is an amount by direction. Of one flow, Up is the original direction. Of a group, Up is
// what its first address, process or container sends; for other fields the original direction.
type Both[T uint64 | float64] struct{ Up, Down T }

// Sum returns the amount of both directions.
func (b Both[T]) Sum() T { return b.Up + b.Down }

func (b *Both[T]) add(o Both[T], reply bool) {
	if reply {
		o.Up, o.Down = o.Down, o.Up
	}
	b.Up, b.Down = b.Up+o.Up, b.Down+o.Down
}

// Sums are the figures of a flow, or the sums of those of many. Flows counts flows, New those
// that began recently, and Counted and Rated those whose counters and rate are known.
type Sums struct {
	Flows, New, Counted, Rated uint64
	Bytes, Packets             Both[uint64]
	Rate                       Both[float64] // bytes a second
}

// Of returns the figures of one flow, without New and Rate.
func Of(e *monitor.Event) Sums {
	s := Sums{Flows: 1}
	if e.Known().Any(monitor.AttrCountersOrig | monitor.AttrCountersReply) {
		orig, reply := e.Flow.CountersOrig, e.Flow.CountersReply
		s.Counted, s.Bytes = 1, Both[uint64]{orig.Bytes, reply.Bytes}
		s.Packets = Both[uint64]{orig.Packets, reply.Packets}
	}
	return s
}

func (s *Sums) add(o *Sums, reply bool) {
	s.Flows += o.Flows
	s.New += o.New
	s.Counted += o.Counted
	s.Rated += o.Rated
	s.Bytes.add(o.Bytes, reply)
	s.Packets.add(o.Packets, reply)
	s.Rate.add(o.Rate, reply)
}

// Counter sums flows. It is not safe for use by several goroutines.
type Counter struct {
	// Open returns whether the groups within a group are counted; key has the values from the
	// first level on. It is called once for each group. Nil: all are counted.
	Open func(key []filter.Value) bool

	by     By
	steps  []step // one for each field, in order
	index  map[edge]uint32
	groups []node // groups[0] is the sum of all flows
}

// step reads one field.
type step struct {
	read   func(*monitor.Event, []filter.Owned) []filter.Owned
	values []filter.Owned // reused
	sided  bool           // the field decides which direction is up
	last   bool           // of its level
}

// edge leads from a group to one within it.
type edge struct {
	parent uint32
	value  filter.Value
}

// node is a group, or a part of one whose level has several fields.
type node struct {
	edge
	Sums
	depth  int  // number of fields
	closed bool // see Counter.Open
}

// New returns a counter without flows.
func New(by By, env filter.Env) *Counter {
	c := &Counter{by: by, index: map[edge]uint32{}, groups: make([]node, 1)}
	for _, level := range by {
		for i, f := range level {
			c.steps = append(c.steps, step{read: f.Reader(env), sided: f.Sided(), last: i == len(level)-1})
		}
	}
	return c
}

// Reset removes all flows and keeps the memory.
func (c *Counter) Reset() {
	clear(c.index)
	c.groups = append(c.groups[:0], node{})
}

// Sums returns the sums of all flows.
func (c *Counter) Sums() Sums { return c.groups[0].Sums }

// Add adds one flow. The event is not retained.
func (c *Counter) Add(e *monitor.Event, s Sums) {
	c.groups[0].add(&s, false)
	c.add(e, &s, 0, 0, false, false)
}

// add adds a flow to the groups of a step within a parent. If decided, an earlier field has
// decided whether the replies are up.
func (c *Counter) add(e *monitor.Event, s *Sums, at int, parent uint32, decided, reply bool) {
	if at == len(c.steps) {
		return
	}
	step := &c.steps[at]
	step.values = step.read(e, step.values[:0])
	for _, v := range step.values {
		up := reply
		if !decided && step.sided {
			up = v.Reply
		}
		to := edge{parent, v.Value}
		group, ok := c.index[to]
		if !ok {
			group = uint32(len(c.groups))
			c.index[to] = group
			c.groups = append(c.groups, node{edge: to, depth: at + 1})
			c.groups[group].closed = step.last && c.Open != nil && !c.Open(c.key(group, at+1))
		}
		c.groups[group].add(s, up)
		if !c.groups[group].closed {
			c.add(e, s, at+1, group, decided || step.sided, up)
		}
	}
}
