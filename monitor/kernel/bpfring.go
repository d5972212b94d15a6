//go:build linux

package kernel

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// A record of the ring is a header and one netlink message:
//
//	0       8      12                      12+n
//	┌───────┬───────┬───────────────────────┬─ ─ ─ ─ ┐
//	│ stamp │ drops │ the message, n bytes  │ unused
//	└───────┴───────┴───────────────────────┴─ ─ ─ ─ ┘
//
// stamp is CLOCK_BOOTTIME in nanoseconds, drops the low half of the drop counter
// as the record was written. The message's own nlmsg_len says n: the kernel
// sends one message a datagram, and the program sets nlmsg_len to 0 where it is
// not the length of the datagram.
const (
	recordStamp   = 0
	recordDrops   = 8
	recordMessage = 12
)

// The value of the counters map: one cache line for the drops, which all CPUs
// share and hardly ever touch, and then one line a CPU for the events that a
// pushed-down filter left out.
const (
	counterDrops   = 0
	counterLeft    = 64
	counterLine    = 64
	counterCPUs    = 64 // CPUs beyond share lines
	counterMapSize = counterLeft + counterCPUs*counterLine
)

// recordSizes are the sizes of a record. bpf_ringbuf_reserve takes none but
// constants, so that the program has to choose from a list: steps of 8 (what the
// ring rounds to) where events of everyday are, coarser ones above. The last
// takes the longest message that netlink attributes can make.
var recordSizes = func() []int32 {
	sizes := []int32{64, 96, 112, 128}
	for s := int32(136); s <= 256; s += 8 {
		sizes = append(sizes, s)
	}
	for s := int32(288); s <= 512; s += 32 {
		sizes = append(sizes, s)
	}
	return append(sizes, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16<<10, 32<<10, 64<<10+64)
}()

// MaxMessage is the length of the longest message that the ring takes; longer
// ones count as lost.
const MaxMessage = 64<<10 + 64 - recordMessage

// ringProgram is the socket filter with its maps.
type ringProgram struct {
	prog     *ebpf.Program
	ring     *ebpf.Map
	counters *ebpf.Map
}

// newRingProgram loads the program for a ring of size bytes.
func newRingProgram(size int) (*ringProgram, error) {
	p := &ringProgram{}
	var err error
	if p.ring, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "natlens_ring", Type: ebpf.RingBuf, MaxEntries: uint32(size),
	}); err != nil {
		return nil, fmt.Errorf("make ring buffer of %d bytes: %w", size, err)
	}
	if p.counters, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "natlens_count", Type: ebpf.Array, KeySize: 4, ValueSize: counterMapSize, MaxEntries: 1,
		Flags: mapMmapable,
	}); err != nil {
		p.close()
		return nil, fmt.Errorf("make counters: %w", err)
	}
	if p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "natlens_ring", Type: ebpf.SocketFilter, License: "Dual MIT/GPL",
		Instructions: ringInstructions(p.ring.FD(), p.counters.FD()),
	}); err != nil {
		p.close()
		return nil, fmt.Errorf("load program: %w", err)
	}
	return p, nil
}

const mapMmapable = 1 << 10 // BPF_F_MMAPABLE

// close lets go of the file descriptors. What is attached or mapped lives on
// until it is detached or unmapped.
func (p *ringProgram) close() {
	p.prog.Close()
	p.ring.Close()
	p.counters.Close()
}

// Registers that keep their meaning through the whole program. R1 to R5 are
// arguments and scratch, R0 results.
const (
	regSkb    = asm.R6 // struct __sk_buff *
	regRecord = asm.R7 // the reserved record
	regLen    = asm.R8 // skb->len: bytes of the datagram
	regStamp  = asm.R9 // nanoseconds
)

// ringInstructions assembles the program. In C it would be
//
//	int ring(struct __sk_buff *skb)
//	{
//		u64 stamp = bpf_ktime_get_boot_ns();
//		struct record *r = bpf_ringbuf_reserve(&ring, SMALLEST_FOR(skb->len), 0);
//		if (!r)
//			goto dropped;
//		r->stamp = stamp;
//		r->drops = counters.drops;
//		if (bpf_skb_load_bytes(skb, 0, r->message, skb->len)) {
//			bpf_ringbuf_discard(r, 0);
//			goto dropped;
//		}
//		if (r->message.nlmsg_len != skb->len)
//			r->message.nlmsg_len = 0;
//		bpf_ringbuf_submit(r, 0);
//		return 0;
//	dropped:
//		__sync_fetch_and_add(&counters.drops, 1);
//		return 0;
//	}
//
// It returns 0 always: nothing is ever queued on the socket.
//
// The message is copied straight from the socket buffer into its place in the
// ring. A per-CPU scratch area, from which bpf_ringbuf_output could take any
// length, is not safe here: a socket filter runs with migration off but with
// soft interrupts on, when a process causes the event (conntrack -D, a packet
// sent locally). A packet that then arrives on the same CPU runs the filter
// again, in the middle of the first, and would write over its scratch. A
// reserved record belongs to one run alone.
//
// The default wake-up of bpf_ringbuf_submit is used: only when the reader stands
// at this very record.
func ringInstructions(ring, counters int) asm.Instructions {
	ins := asm.Instructions{
		asm.Mov.Reg(regSkb, asm.R1),
		asm.LoadMem(regLen, regSkb, 0, asm.Word), // __sk_buff.len
		asm.JEq.Imm(regLen, 0, "out"),
		asm.FnKtimeGetBootNs.Call(),
		asm.Mov.Reg(regStamp, asm.R0),
		asm.JGT.Imm(regLen, MaxMessage, "dropped"),
	}
	ins = append(ins, chooseSize(recordSizes, "size")...)
	return append(ins,
		asm.LoadMapPtr(asm.R1, ring).WithSymbol("reserve"), // R2: the size
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, "dropped"),
		asm.Mov.Reg(regRecord, asm.R0),
		asm.StoreMem(regRecord, recordStamp, regStamp, asm.DWord),
		asm.LoadMapValue(asm.R1, counters, counterDrops),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.StoreMem(regRecord, recordDrops, asm.R1, asm.Word),

		asm.Mov.Reg(asm.R1, regSkb),
		asm.Mov.Imm(asm.R2, 0),
		asm.Mov.Reg(asm.R3, regRecord),
		asm.Add.Imm(asm.R3, recordMessage),
		asm.Mov.Reg(asm.R4, regLen),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "discard"),

		asm.LoadMem(asm.R1, regRecord, recordMessage, asm.Word), // nlmsg_len
		asm.JEq.Reg(asm.R1, regLen, "submit"),
		asm.StoreImm(regRecord, recordMessage, 0, asm.Word),

		asm.Mov.Reg(asm.R1, regRecord).WithSymbol("submit"),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufSubmit.Call(),
		asm.Ja.Label("out"),

		asm.Mov.Reg(asm.R1, regRecord).WithSymbol("discard"),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufDiscard.Call(),

		asm.LoadMapValue(asm.R1, counters, counterDrops).WithSymbol("dropped"),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),

		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
}

// chooseSize puts the smallest of sizes that holds a record with regLen bytes of
// message into R2 and goes to "reserve": a binary search as straight code. The
// verifier follows each way to its end, and so knows both the size of the record
// and the bound of regLen there.
func chooseSize(sizes []int32, label string) asm.Instructions {
	if len(sizes) == 1 {
		return asm.Instructions{
			asm.Mov.Imm(asm.R2, sizes[0]).WithSymbol(label),
			asm.Ja.Label("reserve"),
		}
	}
	half := len(sizes) / 2
	ins := asm.Instructions{
		asm.JGT.Imm(regLen, sizes[half-1]-recordMessage, label+"r").WithSymbol(label),
	}
	ins = append(ins, chooseSize(sizes[:half], label+"l")...)
	return append(ins, chooseSize(sizes[half:], label+"r")...)
}
