package table

import (
	"math/rand/v2"
	"slices"
	"testing"

	"natlens/monitor"
)

// indexed is an index over rows of its own, and what it must hold: flow i is in
// row want[i]-1, where it is not 0.
type indexed struct {
	t     *testing.T
	index index
	rows  slab
	want  []uint32
	flows int
}

// newIndexed is for flows of numbers below n.
func newIndexed(t *testing.T, n int) *indexed {
	x := &indexed{t: t, want: make([]uint32, n)}
	x.index.init()
	return x
}

func (x *indexed) tuple(i int) monitor.Tuple { return tcpTuple(byte(i>>16), uint16(i)) }

func (x *indexed) add(i int) {
	tuple, row := x.tuple(i), x.rows.take()
	x.rows.saveFlow(row, &monitor.Flow{Orig: tuple, Reply: reversed(tuple)}, 0)
	x.index.insert(x.index.hash(&tuple), row)
	x.want[i] = row + 1
	x.flows++
}

func (x *indexed) remove(i int) {
	tuple, row := x.tuple(i), x.want[i]-1
	x.index.remove(x.index.hash(&tuple), row)
	x.rows.release(row)
	x.want[i] = 0
	x.flows--
}

// reset forgets the flows, but not their rows.
func (x *indexed) reset() {
	x.index.reset()
	clear(x.want)
	x.flows = 0
}

// check looks for every flow.
func (x *indexed) check() {
	x.t.Helper()
	used := 0
	for i := range x.index.shards {
		used += x.index.shards[i].used
	}
	if used != x.flows {
		x.t.Fatalf("%d entries, want %d", used, x.flows)
	}
	for i, want := range x.want {
		tuple := x.tuple(i)
		if got := x.index.find(x.index.hash(&tuple), &tuple, &x.rows); got != int(want)-1 {
			x.t.Fatalf("flow %d is in row %d, want %d", i, got, int(want)-1)
		}
	}
}

// stages are those in which a shard stands, by the slots of one.
func (x *indexed) stages() (slots []int) {
	users := map[int]int{}
	for i := range x.index.shards {
		if n := len(x.index.shards[i].slots); n >= stageMinSlots {
			users[n]++
		}
	}
	for _, st := range x.index.stages {
		if st.users != users[st.slots] {
			x.t.Fatalf("%d shards of %d slots, and their stage knows of %d", users[st.slots], st.slots, st.users)
		}
		if st.users > 0 {
			slots = append(slots, st.slots)
		}
	}
	if len(slots) != len(users) {
		x.t.Fatalf("stages of %v, shards of %v", slots, users)
	}
	return slots
}

// The index grows through several stages: each flow is found, the memory of a
// stage goes with the last shard in it, and all begins anew after a reset.
func TestIndexStages(t *testing.T) {
	const n = 600_000 // 2344 a shard: none has room in 2048 slots, and some in 4096
	x := newIndexed(t, n+1000)
	var seen []int
	mems := map[*huge]int{}
	for i := range n {
		x.add(i)
		if i%4096 != 0 {
			continue
		}
		for _, slots := range x.stages() {
			if !slices.Contains(seen, slots) {
				seen = append(seen, slots)
			}
		}
		for _, st := range x.index.stages {
			if st.mem != nil {
				mems[st.mem] = st.slots
			}
		}
	}
	x.check()
	if want := []int{1024, 2048, 4096, 8192}; !slices.Equal(seen, want) {
		t.Fatalf("shards stood in stages of %v, want %v", seen, want)
	}
	if got := x.stages(); !slices.Equal(got, []int{4096, 8192}) {
		t.Fatalf("shards stand in stages of %v at the end", got)
	}
	for mem, slots := range mems {
		if free := mem.bytes == nil; free != (slots < 4096) {
			t.Errorf("stage of %d slots: given back %v", slots, free)
		}
	}

	x.reset()
	for mem, slots := range mems {
		if mem.bytes != nil {
			t.Errorf("stage of %d slots is left after a reset", slots)
		}
	}
	x.check()
	for i := range n / 4 {
		x.add(i)
	}
	x.stages()
	x.check()
}

// Insertions and removals in any order, while shards grow from stage to stage,
// and as they empty.
func TestIndexChanges(t *testing.T) {
	const n = 400_000
	rng := rand.New(rand.NewPCG(5, 6))
	x := newIndexed(t, n)
	for _, part := range []int{6, 3, 7, 0} { // how many of eight steps insert
		for range n {
			i := rng.IntN(n)
			switch insert := rng.IntN(8) < part; {
			case insert && x.want[i] == 0:
				x.add(i)
			case !insert && x.want[i] != 0:
				x.remove(i)
			}
		}
		x.stages()
		x.check()
	}
}

// A row that is not in the index is none to remove.
func TestIndexRemovesNothing(t *testing.T) {
	x := newIndexed(t, 10)
	tuple := x.tuple(1)
	x.index.remove(x.index.hash(&tuple), 7)
	x.add(1)
	x.index.remove(x.index.hash(&tuple), 7)
	x.check()
}
