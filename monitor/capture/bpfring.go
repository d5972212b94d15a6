//go:build linux

package capture

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// The value of the counters map. The first cache line is read by all CPUs for
// each event and written hardly ever; each CPU has a line of its own for the
// events that a pushed-down filter leaves out.
const (
	counterDrops   = 0  // events that found no room
	counterTold    = 8  // counterDrops as the last full record told it
	counterFull    = 16 // stamp of the last full record
	counterLeft    = 64
	counterLine    = 64
	counterCPUs    = 64 // CPUs beyond share lines
	counterMapSize = counterLeft + counterCPUs*counterLine
)

// shortSizes and fullSizes are the sizes of records. bpf_ringbuf_reserve takes
// none but constants, so that the program has to choose from a list: steps of 8,
// which is what the ring rounds to, where events of everyday are, and coarser
// ones above. Full records are few, and need no fine choice. The longest is what
// netlink attributes can make at all.
var (
	shortSizes = func() []int32 {
		sizes := []int32{64, 96, 112}
		for s := int32(128); s <= 256; s += 8 {
			sizes = append(sizes, s)
		}
		for s := int32(288); s <= 512; s += 32 {
			sizes = append(sizes, s)
		}
		return append(sizes, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16<<10, 32<<10, maxRecord)
	}()
	fullSizes = []int32{128, 192, 256, 384, 512, 1024, 2048, 4096, 8192, 16 << 10, 32 << 10, maxRecord}
)

// ringProgram is the socket filter with its counters.
type ringProgram struct {
	prog     *ebpf.Program
	counters *ebpf.Map
}

// newRingMap makes a ring of size bytes.
func newRingMap(size int) (*ebpf.Map, error) {
	spec := &ebpf.MapSpec{Name: "natlens_ring", Type: ebpf.RingBuf, MaxEntries: uint32(size)}
	ring, err := ebpf.NewMap(spec)
	if errors.Is(err, unix.EPERM) && unlockMemory() == nil {
		ring, err = ebpf.NewMap(spec)
	}
	if err != nil {
		return nil, fmt.Errorf("make ring buffer of %d bytes: %w", size, err)
	}
	return ring, nil
}

// newRingProgram loads a program that fills the ring, with a filter that it
// applies. Where the ring is shared, records bear the number of the namespace for
// which the program is; 0: it is the ring's only one.
func newRingProgram(ring *ebpf.Map, push filter.Expr, netns monitor.NetNS) (*ringProgram, error) {
	p := &ringProgram{}
	var err error
	if p.counters, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "natlens_count", Type: ebpf.Array, KeySize: 4, ValueSize: counterMapSize, MaxEntries: 1,
		Flags: mapMmapable,
	}); err != nil {
		p.close()
		return nil, fmt.Errorf("make counters: %w", err)
	}
	pushed, err := pushInstructions(push, p.counters.FD())
	if err != nil {
		p.close()
		return nil, fmt.Errorf("push filter: %w", err)
	}
	if p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "natlens_ring", Type: ebpf.SocketFilter, License: "Dual MIT/GPL",
		Instructions: ringInstructions(ring.FD(), p.counters.FD(), pushed, netns),
	}); err != nil {
		p.close()
		return nil, fmt.Errorf("load program: %w", err)
	}
	return p, nil
}

const mapMmapable = 1 << 10 // BPF_F_MMAPABLE

// unlockMemory lifts RLIMIT_MEMLOCK, which maps counted against before Linux
// 5.11. It takes CAP_SYS_RESOURCE.
func unlockMemory() error {
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
}

// close lets go of the file descriptors. What is attached or mapped lives on
// until it is detached or unmapped.
func (p *ringProgram) close() {
	p.prog.Close()
	p.counters.Close()
}

// Registers that keep their meaning through the program. R1 to R5 are arguments
// and scratch, R0 results.
const (
	regSkb    = asm.R6 // struct __sk_buff *
	regRecord = asm.R7 // the reserved record
	regLen    = asm.R8 // skb->len: bytes of the datagram
	regStamp  = asm.R9 // ticks
)

// ringInstructions assembles the program. In C it would be
//
//	int ring(struct __sk_buff *skb)
//	{
//		if (pushed_filter_leaves_out(skb))
//			return 0;
//		u64 stamp = bpf_ktime_get_boot_ns() >> 5;
//		if (counters.drops == counters.told && stamp - counters.full <= TEN_SECONDS) {
//			struct short_record *r = bpf_ringbuf_reserve(&ring, SMALLEST_FOR(skb->len), 0);
//			…
//			r->mark = stamp << 1;
//		} else {
//			struct full_record *r = bpf_ringbuf_reserve(&ring, SMALLEST_FOR(skb->len), 0);
//			…
//			r->mark = stamp << 1 | 1;
//			r->stamp = counters.full = stamp;
//			r->drops = counters.told = counters.drops;
//		}
//		return 0;
//	}
//
// where … is
//
//		if (!r)
//			goto dropped;
//		if (bpf_skb_load_bytes(skb, 0, r->message, skb->len)) {
//			bpf_ringbuf_discard(r, 0);
//			goto dropped;
//		}
//		if (r->message.nlmsg_len != skb->len)
//			r->message.nlmsg_len = 0;
//		bpf_ringbuf_submit(r, 0);
//	dropped:
//		__sync_fetch_and_add(&counters.drops, 1);
//
// It returns 0 always: nothing is ever queued on the socket.
//
// The message is copied straight from the socket buffer into its place in the
// ring. A per-CPU scratch area, from which bpf_ringbuf_output could take any
// length, is not safe here: where a process causes the event (conntrack -D, a
// packet sent locally), a socket filter runs with soft interrupts on and may be
// preempted. A packet that then arrives on the same CPU runs the filter again,
// in the middle of the first, and would write over its scratch. A reserved
// record belongs to one run alone.
//
// What a full record told is noted only after it was reserved: who reads the
// note therefore reserves behind it in the ring. If two CPUs race for a full
// record, both write one, which does no harm.
//
// The default wake-up of bpf_ringbuf_submit is used: only when the reader stands
// at this very record.
func ringInstructions(ring, counters int, pushed asm.Instructions, netns monitor.NetNS) asm.Instructions {
	ins := slices.Concat(asm.Instructions{
		asm.Mov.Reg(regSkb, asm.R1),
		asm.LoadMem(regLen, regSkb, 0, asm.Word), // __sk_buff.len
		asm.JLT.Imm(regLen, 1, "out"),            // not JEq 0, of which verifiers before Linux 6.8 learn no bound
		asm.JGT.Imm(regLen, maxNetlink, "dropped"),
	}, pushed, asm.Instructions{
		asm.FnKtimeGetBootNs.Call().WithSymbol("take"),
		asm.Mov.Reg(regStamp, asm.R0),
		asm.RSh.Imm(regStamp, tickShift),
		asm.LoadMapValue(asm.R1, counters, 0),
		asm.LoadMem(asm.R2, asm.R1, counterDrops, asm.DWord),
		asm.LoadMem(asm.R3, asm.R1, counterTold, asm.DWord),
		asm.JNE.Reg(asm.R2, asm.R3, "full"),
		asm.LoadMem(asm.R3, asm.R1, counterFull, asm.DWord),
		asm.Mov.Reg(asm.R4, regStamp),
		asm.Sub.Reg(asm.R4, asm.R3),
		asm.JGT.Imm(asm.R4, fullTicks, "full"),
	})
	ins = append(ins, reserve(ring, "short", shortSizes, recordMessage, netns)...)
	ins = append(ins,
		asm.Mov.Reg(asm.R1, regStamp),
		asm.LSh.Imm(asm.R1, 1),
		asm.StoreMem(regRecord, recordMark, asm.R1, asm.Word),
		asm.Ja.Label("submit"),
	)
	ins = append(ins, reserve(ring, "full", fullSizes, recordFullMessage, netns)...)
	return append(ins,
		asm.Mov.Reg(asm.R1, regStamp),
		asm.LSh.Imm(asm.R1, 1),
		asm.Or.Imm(asm.R1, markFull),
		asm.StoreMem(regRecord, recordMark, asm.R1, asm.Word),
		asm.StoreMem(regRecord, recordStamp, regStamp, asm.DWord),
		asm.LoadMapValue(asm.R1, counters, 0),
		asm.StoreMem(asm.R1, counterFull, regStamp, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, counterDrops, asm.DWord),
		asm.StoreMem(asm.R1, counterTold, asm.R2, asm.DWord),
		asm.StoreMem(regRecord, recordDrops, asm.R2, asm.Word),

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

// reserve makes, at the label, a record of the smallest of sizes that fits, and
// copies the message to its place in it, behind the number of the namespace if
// that is not 0.
func reserve(ring int, label string, sizes []int32, message int32, netns monitor.NetNS) asm.Instructions {
	filled := label + " filled"
	var tag asm.Instructions
	if netns != 0 {
		tag = asm.Instructions{asm.StoreImm(regRecord, int16(message), int64(netns), asm.Word)}
		message += recordNetNS
	}
	return slices.Concat(chooseSize(sizes, message, label, label+" reserve"),
		asm.Instructions{asm.LoadMapPtr(asm.R1, ring).WithSymbol(label + " reserve"), // R2: the size
			asm.Mov.Imm(asm.R3, 0),
			asm.FnRingbufReserve.Call(),
			asm.JEq.Imm(asm.R0, 0, "dropped"),
			asm.Mov.Reg(regRecord, asm.R0),
		}, tag, asm.Instructions{

			asm.Mov.Reg(asm.R1, regSkb),
			asm.Mov.Imm(asm.R2, 0),
			asm.Mov.Reg(asm.R3, regRecord),
			asm.Add.Imm(asm.R3, message),
			asm.Mov.Reg(asm.R4, regLen),
			asm.FnSkbLoadBytes.Call(),
			asm.JNE.Imm(asm.R0, 0, "discard"),

			asm.LoadMem(asm.R1, regRecord, int16(message), asm.Word), // nlmsg_len
			asm.JEq.Reg(asm.R1, regLen, filled),
			asm.StoreImm(regRecord, int16(message), 0, asm.Word),
			asm.Mov.Reg(asm.R1, regRecord).WithSymbol(filled),
		})
}

// chooseSize puts the smallest of sizes that holds regLen bytes behind a header
// into R2 and goes to then: a binary search as straight code. The verifier
// follows each way to its end, and so knows both the size of the record and the
// bound of regLen there.
func chooseSize(sizes []int32, header int32, label, then string) asm.Instructions {
	if len(sizes) == 1 {
		return asm.Instructions{
			asm.Mov.Imm(asm.R2, sizes[0]).WithSymbol(label),
			asm.Ja.Label(then),
		}
	}
	half := len(sizes) / 2
	ins := asm.Instructions{
		asm.JGT.Imm(regLen, sizes[half-1]-header, label+"+").WithSymbol(label),
	}
	ins = append(ins, chooseSize(sizes[:half], header, label+"-", then)...)
	return append(ins, chooseSize(sizes[half:], header, label+"+", then)...)
}
