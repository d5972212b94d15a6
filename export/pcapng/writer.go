// Package pcapng writes recordings of netlink messages as pcapng files, and reads pcapng and
// pcap files. docs/recording.md describes what natlens writes.
package pcapng

import (
	"cmp"
	"io"
	"runtime"
	"sync/atomic"

	"natlens/export/jsonl"
	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes a recording for Wireshark and for `natlens replay`: each message as the
// kernel sent it, with its time in nanoseconds. Events without a message are comments that
// begin with "natlens:". There is an interface for each [monitor.TimeSource], so that
// times of different clocks can be distinguished.
type Writer struct {
	out    text.Lines
	o      text.Options
	began  bool
	ended  bool
	json   jsonl.Writer
	blocks blocks
	text   []byte // memory for a comment
	seen   uint64 // messages written
	lost   uint64 // events lost so far
	since  uint64 // events lost since the last message
	unsure bool   // since is a lower bound
	gaps   int    // since the last message
	first  monitor.Time
	last   monitor.Time
	locals atomic.Pointer[monitor.Locals] // to be written next
}

// NewWriter returns a sink of pcapng. It writes the header with the first batch. Of the options
// it uses Application and Filter, which describe the recording.
func NewWriter(w io.Writer, o text.Options) *Writer {
	o.Application = cmp.Or(o.Application, "natlens")
	return &Writer{out: text.Lines{W: w}, o: o}
}

// Write writes the events of the batch with one Write of whole blocks.
func (p *Writer) Write(batch *monitor.Batch) error {
	return p.out.Append(func(b []byte) []byte {
		p.start(b)
		for i := range batch.Events {
			p.event(&batch.Events[i])
		}
		return p.blocks.b
	})
}

// Locals records the host's addresses before the next batch. The paths of later flows
// depend on them. It may be called from any goroutine.
func (p *Writer) Locals(l *monitor.Locals) { p.locals.Store(l) }

// Close ends the recording with the count of its messages, once. It returns the error that
// ended the sink, if any.
func (p *Writer) Close() error {
	return p.out.Append(func(b []byte) []byte {
		if p.ended {
			return b
		}
		p.ended = true
		p.start(b)
		p.note(p.last, []byte("natlens: end"), &monitor.Gap{From: p.first, To: p.last})
		return p.blocks.b
	})
}

// start sets the buffer and writes what must precede the next event: the header the first time,
// and new addresses of the host.
func (p *Writer) start(b []byte) {
	p.blocks.b = b
	if !p.began {
		p.began = true
		p.header()
	}
	if l := p.locals.Swap(nil); l != nil {
		p.noteLocals(l)
	}
}

// header begins a recording. Its length is not known yet, and times are in nanoseconds.
func (p *Writer) header() {
	w := &p.blocks
	w.open(blockSection)
	w.u32(sectionMagic)
	w.u16(1)
	w.u16(0)
	w.u64(1<<64 - 1)
	w.option(optSectionOS, []byte(runtime.GOOS))
	w.option(optSectionApp, []byte(p.o.Application))
	w.close()
	for s := monitor.TimeUnknown; s <= monitor.TimeReceived; s++ {
		w.open(blockInterface)
		w.u16(linkNetlink)
		w.u16(0)
		w.u32(0) // packets are never cut
		w.option(optInterfaceName, []byte("ctnetlink"))
		w.option(optInterfaceText, []byte("natlens: time of the "+s.String()+" clock"))
		if p.o.Filter != "" {
			w.option(optInterfaceFilter, []byte("\x00"+p.o.Filter)) // 0: the text of the filter
		}
		w.option(optInterfaceTime, []byte{9})
		w.close()
	}
}

// noteLocals writes as many of the host's addresses as fit into a comment.
func (p *Writer) noteLocals(l *monitor.Locals) {
	p.text = append(p.text[:0], `natlens: {"v":1,"locals":[`...)
	for i, a := range l.Addrs() {
		if len(p.text) > maxOption-100 {
			break
		}
		if i > 0 {
			p.text = append(p.text, ',')
		}
		p.text = append(a.AppendTo(append(p.text, '"')), '"')
	}
	p.text = append(p.text, "]}"...)
	p.note(p.last, p.text, nil)
}

func (p *Writer) event(e *monitor.Event) {
	if e.Time != 0 {
		if p.first == 0 {
			p.first = e.Time
		}
		p.last = e.Time
	}
	if e.Kind == monitor.KindLost && e.Gap != nil {
		p.lost += e.Gap.Count
		p.since += e.Gap.Count
		p.unsure = p.unsure || e.Gap.Uncertain
		p.gaps++
	}
	if len(e.Raw) > 0 {
		p.message(e)
		return
	}
	// Losses, resyncs and inferred events have no message: write their JSON line.
	line := p.json.AppendEvent(append(p.text[:0], "natlens: "...), e)
	p.text = line[:len(line)-1] // without the line end
	p.note(e.Time, p.text, e.Gap)
}

// cooked is the header before a message: to user space, ARPHRD_NETLINK, NETLINK_NETFILTER. See
// sllSize.
var cooked = []byte{0, 6, 0x03, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, netfilter}

// message appends a packet: the message after its header, and comments for Wireshark.
func (p *Writer) message(e *monitor.Event) {
	w := &p.blocks
	w.open(blockPacket)
	w.u32(uint32(e.TimeSource))
	w.time(uint64(e.Time))
	size := uint32(len(cooked) + len(e.Raw))
	w.u32(size)
	w.u32(size)
	w.b = append(w.b, cooked...)
	w.bytes(e.Raw)
	for i := range notes {
		if n := &notes[i]; e.Kind == n.kind && e.Inferred == n.inferred {
			w.option(optComment, n.text)
		}
	}
	if e.Local != nil {
		p.text = jsonl.AppendLocal(append(p.text[:0], "natlens: "...), e.Local)
		w.option(optComment, p.text)
	}
	if p.gaps > 0 {
		p.text = append(text.AppendUint(append(p.text[:0], "natlens: "...), p.since), " events lost before this"...)
		if p.unsure {
			p.text = append(p.text, ", or more"...)
		}
		w.option(optComment, p.text)
		w.number(optPacketDrops, p.since)
		p.since, p.unsure, p.gaps = 0, false, 0
	}
	w.number(optPacketID, e.Seq)
	w.close()
	p.seen++
}

// notes are the comments of events whose message is one of a dump.
var notes = []struct {
	kind     monitor.Kind
	inferred bool
	text     []byte
}{
	{monitor.KindInterim, false, []byte("natlens: interim")},
	{monitor.KindNew, true, []byte("natlens: inferred new")},
	{monitor.KindUpdate, true, []byte("natlens: inferred update")},
}

// note appends a comment without a packet, in a block of statistics.
func (p *Writer) note(at monitor.Time, comment []byte, span *monitor.Gap) {
	w := &p.blocks
	w.open(blockStatistics)
	w.u32(0)
	w.time(uint64(at))
	w.option(optComment, comment)
	if span != nil {
		w.moment(optStatsStart, uint64(span.From))
		w.moment(optStatsEnd, uint64(span.To))
	}
	if p.ended {
		w.number(optStatsReceived, p.seen)
	}
	w.number(optStatsDropped, p.lost)
	w.close()
}
