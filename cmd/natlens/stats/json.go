//go:build linux

package stats

import (
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
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

type watchedObject struct {
	Seconds  float64 `json:"seconds"`
	Capture  string  `json:"capture"`
	Queue    int     `json:"queue"`
	Events   numbers `json:"events"`
	Counters numbers `json:"counters"`
}

// asJSON writes an object for each namespace, one per line or in one array.
func asJSON(all []*reading, seen *watched, array bool) (b []byte) {
	var objects []object
	for _, r := range all {
		objects = append(objects, r.object(seen))
	}
	if array {
		return monitor.JSONLine(objects)
	}
	for _, o := range objects {
		b = append(b, monitor.JSONLine(o)...)
	}
	return b
}

func (r *reading) object(seen *watched) object {
	out := object{
		V: 1, Entries: r.entries, Max: r.max, Buckets: r.sysctls["buckets"], NetNS: r.ns.Name, Inode: r.ns.Inode,
		Counters: numbers{}, Sysctls: numbers{}, Expect: numbers{},
	}
	for _, k := range counters(r.cpus, ctnetlink.CounterNames) {
		out.Counters[k] = r.total(k)
	}
	for _, k := range ctnetlink.ExpectCounterNames {
		out.Expect[strings.TrimPrefix(k, "expect_")] = r.total(k)
	}
	for _, c := range r.cpus {
		one := numbers{"cpu": uint64(c.CPU)}
		for k, n := range c.Counters {
			one[k] = uint64(n)
		}
		out.CPUs = append(out.CPUs, one)
	}
	for name, v := range r.sysctls {
		out.Sysctls[kernel.SysctlPrefix+name] = v
	}
	if seen == nil {
		return out
	}
	out.Watched = &watchedObject{Seconds: seen.took.Round(time.Millisecond).Seconds(), Capture: seen.way.String(),
		Queue: seen.capture.Capacity, Events: numbers{}, Counters: r.grown}
	for _, row := range seen.rows(&r.events) {
		if !row.unknown {
			out.Watched.Events[row.member()] = row.n
		}
	}
	return out
}
