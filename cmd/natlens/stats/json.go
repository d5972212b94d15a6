//go:build linux

package stats

import (
	"encoding/json"
	"time"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

type numbers map[string]uint64

// object is a namespace in JSON, as docs/json.md describes it.
type object struct {
	V        int            `json:"v"`
	Entries  uint32         `json:"entries"`
	Max      uint64         `json:"max,omitempty"`
	Buckets  uint64         `json:"buckets,omitempty"`
	Counters numbers        `json:"counters"`
	CPUs     []numbers      `json:"cpus"`
	Expect   numbers        `json:"expect"`
	Sysctls  numbers        `json:"sysctls"`
	NetNS    string         `json:"netns,omitempty"`
	Inode    uint64         `json:"inode,omitempty"`
	Watched  *watchedObject `json:"look,omitempty"`
}

// watchedObject is what --for adds.
type watchedObject struct {
	Seconds  float64 `json:"seconds"`
	Capture  string  `json:"capture"`
	Queue    int     `json:"queue"`
	Events   numbers `json:"events"`
	Counters numbers `json:"counters"`
}

// asLines writes an object for each namespace, a line each.
func asLines(all []*reading, seen *watched) (b []byte) {
	for _, o := range objects(all, seen) {
		b = append(b, encode(o)...)
	}
	return b
}

func objects(all []*reading, seen *watched) (out []object) {
	for _, r := range all {
		out = append(out, r.object(seen))
	}
	return out
}

// encode writes a line of JSON.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and names only
	}
	return append(monitor.EscapeJSON(b), '\n')
}

func (r *reading) object(seen *watched) object {
	sum := r.expectations()
	out := object{
		V: 1, Entries: r.fill.Entries, Max: r.max(), NetNS: r.ns.Name, Inode: r.ns.Inode,
		Counters: numbers{}, Sysctls: numbers{},
		Expect: numbers{"new": uint64(sum.New), "create": uint64(sum.Create), "delete": uint64(sum.Delete)},
	}
	out.Buckets, _ = r.sysctl("buckets")
	for _, k := range r.counters() {
		out.Counters[k.String()] = r.total(k)
	}
	for i := range r.cpus {
		one := numbers{"cpu": uint64(r.cpus[i].CPU)}
		r.cpus[i].Each(func(k ctnetlink.Counter, n uint32) { one[k.String()] = uint64(n) })
		out.CPUs = append(out.CPUs, one)
	}
	for _, s := range r.sysctls {
		out.Sysctls[s.Name] = s.Value
	}
	if seen != nil {
		out.Watched = r.watched(seen)
	}
	return out
}

func (r *reading) watched(w *watched) *watchedObject {
	out := &watchedObject{Seconds: w.took.Round(time.Millisecond).Seconds(), Capture: w.way.String(),
		Queue: w.capture.Capacity, Events: numbers{}, Counters: numbers{}}
	for _, row := range w.rows(&r.events) {
		if !row.unknown {
			out.Events[row.member()] = row.n
		}
	}
	for _, k := range r.counters() {
		out.Counters[k.String()] = r.grown(k)
	}
	return out
}
