//go:build linux

package capture

import (
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
	counters *ebpf.Map
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
// them into the ring, or without one lets them pass to the socket's own queue.
func newProgram(ring *ebpf.Map, push filter.Expr, id monitor.NetNS) (*bpfProgram, error) {
	pushed, err := pushProgram(push)
	if err != nil {
		return nil, fmt.Errorf("push filter: %w", err)
	}
	p := &bpfProgram{}
	if p.counters, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "natlens_count", Type: ebpf.Array, KeySize: 4, ValueSize: counterMapSize, MaxEntries: 1,
		Flags: unix.BPF_F_MMAPABLE,
	}); err != nil {
		return nil, fmt.Errorf("make counters: %w", err)
	}
	take := asm.Instructions{asm.Mov.Imm(asm.R0, -1).WithSymbol("take"), asm.Return()} // all of its bytes
	if ring != nil {
		take = ringInstructions(ring.FD(), p.counters.FD(), id)
	}
	if p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "natlens", Type: ebpf.SocketFilter, License: "Dual MIT/GPL",
		Instructions: instructions(pushed, take, p.counters.FD()),
	}); err != nil {
		p.close()
		return nil, fmt.Errorf("load program: %w", err)
	}
	return p, nil
}

// close closes the file descriptors. What is attached or mapped lives on until it is
// detached or unmapped.
func (p *bpfProgram) close() {
	p.prog.Close()
	p.counters.Close()
}

// Registers that keep their meaning through the program. R1 to R5 are arguments
// and scratch, R0 results.
const (
	regSkb    = asm.R6 // struct __sk_buff *
	regRecord = asm.R7 // the reserved record
	regLen    = asm.R8 // skb->len: bytes of the datagram
	regStamp  = asm.R9
)

// instructions assembles a program: the filter, which may be empty, and what happens to a
// message that is taken.
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
		asm.JLT.Imm(regLen, 1, "out"),            // not JEq 0, of which verifiers before Linux 6.8 learn no bound
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

// A record of the ring is what is known of a message, and the message:
//
//	0       8       12      16                  16+n
//	┌───────┬───────┬───────┬────────────────────┬─ ─ ─ ─ ┐
//	│ stamp │ drops │ netns │ message, n bytes   │ unused
//	└───────┴───────┴───────┴────────────────────┴─ ─ ─ ─ ┘
//
// stamp is CLOCK_BOOTTIME, drops the low half of the drop counter of the namespace's
// program, and netns the number of the namespace. The message's own nlmsg_len is n: the
// kernel sends one message a datagram, and the program sets nlmsg_len to 0 if it is not
// the length of the datagram.
const (
	recordStamp   = 0
	recordDrops   = 8
	recordNetNS   = 12
	recordMessage = 16

	maxNetlink = 128 << 10 // twice what one attribute can hold; ctnetlink has one that is not of fixed size
)

// The value of the counters map. All CPUs read the first cache line for each event and
// write it hardly ever.
const (
	counterDrops   = 0  // events that did not fit
	counterLeft    = 64 // events that the filter did not want
	counterMapSize = 72
)

// recordSizes are the sizes of records. bpf_ringbuf_reserve takes constants only, so
// that the program has to choose from a list: steps of 8, which is what the ring rounds
// to, where everyday events are, and larger ones above. The longest is what netlink
// attributes can make at all.
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

// ringInstructions copy a message into the ring. The program then returns 0: nothing is ever
// queued on the socket.
//
// The message is copied from the socket buffer into its place in the ring. A per-CPU
// scratch area, from which bpf_ringbuf_output could take any length, is not safe: if a
// process causes the event (conntrack -D, a packet sent locally), a socket filter runs
// with soft interrupts on. A packet that then arrives on the same CPU runs the filter
// again, in the middle of the first, and would overwrite its scratch. A reserved record
// belongs to one run alone.
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
		asm.Mov.Imm(asm.R2, 0), // the reader is woken if it waits for this record
		asm.FnRingbufSubmit.Call(),
		asm.Ja.Label("out"),

		asm.Mov.Reg(asm.R1, regRecord).WithSymbol("discard"),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufDiscard.Call(),
	})
}

// chooseSize puts the smallest of sizes that holds regLen bytes behind a record's header
// into R2 and goes to then: a binary search as straight code. The verifier follows each
// way to its end, and so knows both the size of the record and the bound of regLen there.
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
