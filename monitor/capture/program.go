//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// bpfProgram is the socket filter of one member, with its counters.
type bpfProgram struct {
	prog     *ebpf.Program
	counters bpfCounters
}

// The value of the counters map. All CPUs read its first cache line for each event, and rarely
// write it.
const (
	counterDrops   = 0  // events that did not fit
	counterLeft    = 64 // events that the filter did not select
	counterMapSize = 72
)

// bpfCounters are the counters of a program, mapped into this process; the zero value: no program.
type bpfCounters struct{ *ebpf.Memory }

// load returns a counter: counterDrops or counterLeft.
func (c bpfCounters) load(at int64) uint64 {
	var n [8]byte
	if c.Memory != nil {
		_, _ = c.ReadAt(n[:], at) // cannot fail within the map
	}
	return binary.NativeEndian.Uint64(n[:])
}

// newRingMap makes a ring of size bytes.
func newRingMap(size int) (*ebpf.Map, error) {
	if err := rlimit.RemoveMemlock(); err != nil { // before Linux 5.11 maps count against it
		return nil, err
	}
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "natlens_ring", Type: ebpf.RingBuf, MaxEntries: uint32(size)})
	if err != nil {
		return nil, fmt.Errorf("make ring buffer of %d bytes: %w", size, err)
	}
	return ring, nil
}

// newProgram loads a program that applies a filter to the messages of a namespace. It copies
// them into the ring. Without a ring it lets them pass to the socket's own queue.
func newProgram(ring *ebpf.Map, push filter.Expr, id monitor.NetNS) (*bpfProgram, error) {
	pushed, err := pushProgram(push)
	if err != nil {
		return nil, fmt.Errorf("push filter: %w", err)
	}
	counters, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "natlens_count", Type: ebpf.Array, KeySize: 4, ValueSize: counterMapSize, MaxEntries: 1,
		Flags: unix.BPF_F_MMAPABLE,
	})
	if err != nil {
		return nil, fmt.Errorf("make counters: %w", err)
	}
	// The program and the mapping keep the map.
	defer counters.Close()
	take := asm.Instructions{asm.Mov.Imm(asm.R0, -1).WithSymbol("take"), asm.Return()} // the whole message
	if ring != nil {
		take = ringInstructions(ring.FD(), counters.FD(), id)
	}
	p := &bpfProgram{}
	if p.counters.Memory, err = counters.Memory(); err != nil {
		return nil, fmt.Errorf("map counters: %w", err)
	}
	if p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "natlens", Type: ebpf.SocketFilter, License: "Dual MIT/GPL",
		Instructions: instructions(pushed, take, counters.FD()),
	}); err != nil {
		return nil, fmt.Errorf("load program: %w", err)
	}
	return p, nil
}

// instructions assembles a program from the filter, which may be empty, and what is done with a
// message that the filter selects.
func instructions(pushed, take asm.Instructions, counters int) asm.Instructions {
	count := func(label string, counter uint32) asm.Instructions {
		return asm.Instructions{
			asm.LoadMapValue(asm.R1, counters, counter).WithSymbol(label),
			asm.Mov.Imm(asm.R2, 1),
			asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
			asm.Ja.Label("out"),
		}
	}
	all := asm.Instructions{
		asm.Mov.Reg(regSkb, asm.R1),
		asm.LoadMem(regLen, regSkb, 0, asm.Word), // __sk_buff.len
		asm.JLT.Imm(regLen, 1, "out"),            // not JEq 0, from which verifiers before Linux 6.8 derive no bound
		asm.JGT.Imm(regLen, maxNetlink, "dropped"),
	}
	all = append(all, pushed...)
	all = append(all, take...)
	if len(pushed) > 0 {
		all = append(all, count("leave", counterLeft)...)
	}
	all = append(all, count("dropped", counterDrops)...)
	return append(all, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
}

// A record of the ring is a header and the message:
//
//	0       8       12      16                  16+n
//	┌───────┬───────┬───────┬────────────────────┬─ ─ ─ ─ ┐
//	│ stamp │ drops │ netns │ message, n bytes   │ unused
//	└───────┴───────┴───────┴────────────────────┴─ ─ ─ ─ ┘
//
// stamp is CLOCK_BOOTTIME, drops the lower 32 bits of the program's drop counter, and netns the
// number of the namespace. n is the message's nlmsg_len. The kernel sends one message in each
// datagram; if nlmsg_len is not the length of the datagram, the program sets it to 0.
const (
	recordStamp   = 0
	recordDrops   = 8
	recordNetNS   = 12
	recordMessage = 16

	maxNetlink = 128 << 10 // twice the maximum size of one attribute; only one attribute has no fixed size
)

// recordSizes are the sizes of records. bpf_ringbuf_reserve accepts only constants, so the
// program chooses from this list. For common events the steps are 8 bytes, the alignment of the
// ring; above they are larger. The last one holds every possible message.
var recordSizes = func() []int32 {
	sizes := []int32{64, 96, 128}
	for s := int32(136); s <= 272; s += 8 {
		sizes = append(sizes, s)
	}
	for s := int32(288); s <= 512; s += 32 {
		sizes = append(sizes, s)
	}
	return append(sizes, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16<<10, 32<<10, maxNetlink+recordMessage)
}()

// ringInstructions copy a message into the ring. The program then returns 0, so the socket
// queues nothing.
//
// The message is copied from the socket buffer into a reserved record of the ring. A per-CPU
// scratch area, from which bpf_ringbuf_output could take any length, is not safe. If a process
// causes the event (conntrack -D, a packet sent locally), the socket filter runs with soft
// interrupts on. A packet that then arrives on the same CPU runs the filter again, inside the
// first run, and would overwrite the scratch area. A reserved record belongs to one run only.
func ringInstructions(ring, counters int, id monitor.NetNS) asm.Instructions {
	return slices.Concat(asm.Instructions{
		asm.FnKtimeGetBootNs.Call().WithSymbol("take"),
		asm.Mov.Reg(regStamp, asm.R0),
	}, chooseSize(recordSizes, "size", "reserve"), asm.Instructions{
		asm.LoadMapPtr(asm.R1, ring).WithSymbol("reserve"),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(), // R2: the size
		asm.JEq.Imm(asm.R0, 0, "dropped"),
		asm.Mov.Reg(regRecord, asm.R0),

		asm.StoreMem(regRecord, recordStamp, regStamp, asm.DWord),
		asm.LoadMapValue(asm.R1, counters, counterDrops),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.StoreMem(regRecord, recordDrops, asm.R2, asm.Word),
		asm.StoreImm(regRecord, recordNetNS, int64(id), asm.Word),

		asm.Mov.Reg(asm.R1, regSkb),
		asm.Mov.Imm(asm.R2, 0), // from its beginning
		asm.Mov.Reg(asm.R3, regRecord),
		asm.Add.Imm(asm.R3, recordMessage),
		asm.Mov.Reg(asm.R4, regLen),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "discard"),
		asm.LoadMem(asm.R1, regRecord, recordMessage, asm.Word), // nlmsg_len
		asm.JEq.Reg(asm.R1, regLen, "submit"),
		asm.StoreImm(regRecord, recordMessage, 0, asm.Word),

		asm.Mov.Reg(asm.R1, regRecord).WithSymbol("submit"),
		asm.Mov.Imm(asm.R2, 0), // wakes the reader if it waits for this record
		asm.FnRingbufSubmit.Call(),
		asm.Ja.Label("out"),

		asm.Mov.Reg(asm.R1, regRecord).WithSymbol("discard"),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufDiscard.Call(),
	})
}

// chooseSize puts the smallest size that holds a record header and regLen bytes into R2 and
// jumps to then. It is a binary search without a loop. The verifier follows each branch to its
// end, so it knows the size of the record and the bound of regLen there.
func chooseSize(sizes []int32, label, then string) asm.Instructions {
	if len(sizes) == 1 {
		return asm.Instructions{
			asm.Mov.Imm(asm.R2, sizes[0]).WithSymbol(label),
			asm.Ja.Label(then),
		}
	}
	half := len(sizes) / 2
	return slices.Concat(
		asm.Instructions{asm.JGT.Imm(regLen, sizes[half-1]-recordMessage, label+"+").WithSymbol(label)},
		chooseSize(sizes[:half], label+"-", then),
		chooseSize(sizes[half:], label+"+", then))
}
