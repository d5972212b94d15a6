// Package pcapng writes recordings of netlink messages as pcapng files, and reads pcapng
// and pcap files. docs/recording.md says what natlens puts into them.
package pcapng

import (
	"io"
	"runtime"
	"sync/atomic"

	"natlens/export/jsonl"
	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes a recording in pcapng: each message of the kernel as it sent it,
// with its time in nanoseconds, for Wireshark and for `natlens replay`. What is no
// message of the kernel's stands beside as a comment that begins with "natlens:".
// docs/recording.md specifies it.
//
// The times of different clocks are told apart by the interface that a packet
// came by; there is one for each [monitor.TimeSource].
type Writer struct {
	out    text.Lines
	o      Options
	began  bool
	json   jsonl.Writer
	blocks blocks
	text   []byte // a comment at work
	seen   uint64 // messages written
	lost   uint64 // all that were lost so far
	since  uint64 // lost since the last message
	unsure bool   // since is at least
	gaps   int    // since the last message
	first  monitor.Time
	last   monitor.Time
	locals atomic.Pointer[monitor.Locals] // to be written down
}

// Options say what the recording tells of itself.
type Options struct {
	Application string // who wrote it; "" means natlens
	Filter      string // what was wanted; "" means everything
}

// NewWriter returns a sink of pcapng. It writes the header with the first batch.
func NewWriter(w io.Writer, o Options) *Writer {
	if o.Application == "" {
		o.Application = "natlens"
	}
	return &Writer{out: text.Lines{W: w}, o: o}
}

// Write writes the batch's events with one Write, of whole blocks.
func (p *Writer) Write(batch *monitor.Batch) error {
	if err := p.start(); err != nil {
		return err
	}
	for i := range batch.Events {
		p.event(&batch.Events[i])
	}
	return p.out.Flush(p.blocks.b)
}

// Locals has the host's addresses written down before the next batch: the paths of
// the flows that follow depend on them. It may be called from any goroutine.
func (p *Writer) Locals(l *monitor.Locals) { p.locals.Store(l) }

// noteLocals writes down new addresses, if there are any.
func (p *Writer) noteLocals() {
	l := p.locals.Swap(nil)
	if l == nil {
		return
	}
	p.text = append(p.text[:0], `natlens: {"v":1,"locals":[`...)
	for i, a := range l.Addrs() {
		if len(p.text) > optionMax-100 {
			break // thousands of them: the rest would not fit
		}
		if i > 0 {
			p.text = append(p.text, ',')
		}
		p.text = append(a.AppendTo(append(p.text, '"')), '"')
	}
	p.text = append(p.text, "]}"...)
	p.note(p.last, p.text, 0, 0)
}

// Close ends the recording with the count of its messages. It returns the error
// that ended the sink, if any.
func (p *Writer) Close() error {
	if err := p.start(); err != nil {
		return err
	}
	w := &p.blocks
	w.open(blockStatistics)
	w.u32(0)
	w.time(uint64(p.last))
	w.text(optComment, "natlens: end")
	w.moment(optStatsStart, uint64(p.first))
	w.moment(optStatsEnd, uint64(p.last))
	w.number(optStatsReceived, p.seen)
	w.number(optStatsDropped, p.lost)
	w.endOptions()
	w.close()
	return p.out.Flush(w.b)
}

// start takes the buffer and begins it with what has to stand before the next
// block: the header, the first time.
func (p *Writer) start() error {
	b, err := p.out.Begin()
	if err != nil {
		return err
	}
	p.blocks.b = b
	if !p.began {
		p.began = true
		p.blocks.section(p.o.Application, runtime.GOOS)
		for s := monitor.TimeUnknown; s <= monitor.TimeReceived; s++ {
			p.blocks.source("ctnetlink", "natlens: time of the "+s.String()+" clock", p.o.Filter)
		}
	}
	p.noteLocals()
	return nil
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
	// Losses, resyncs, and what was concluded without a message: their JSON line.
	line := p.json.AppendEvent(append(p.text[:0], "natlens: "...), e)
	p.text = line[:len(line)-1] // without its end
	from, to := monitor.Time(0), monitor.Time(0)
	if e.Gap != nil {
		from, to = e.Gap.From, e.Gap.To
	}
	p.note(e.Time, p.text, uint64(from), uint64(to))
}

// message appends a packet: the cooked header that nlmon devices put before
// netlink messages, the message, and what Wireshark is to show beside it.
func (p *Writer) message(e *monitor.Event) {
	const sllSize = 16
	w := &p.blocks
	w.open(blockPacket)
	w.u32(uint32(e.TimeSource))
	w.time(uint64(e.Time))
	w.u32(uint32(sllSize + len(e.Raw)))
	w.u32(uint32(sllSize + len(e.Raw)))
	w.b = append(w.b,
		0, 6, // PACKET_USER: to user space
		0x03, 0x38, // ARPHRD_NETLINK
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 12) // NETLINK_NETFILTER
	w.b = append(w.b, e.Raw...)
	w.pad()
	if e.Inferred {
		// The kernel sent this in answer to a dump; what it means was concluded.
		w.text(optComment, inferredNotes[e.Kind == monitor.KindNew])
	}
	if p.gaps > 0 {
		p.text = append(text.AppendUint(append(p.text[:0], "natlens: "...), p.since), " events lost before this"...)
		if p.unsure {
			p.text = append(p.text, ", or more"...)
		}
		w.option(optComment, len(p.text))
		w.b = append(w.b, p.text...)
		w.pad()
		w.number(optPacketDrops, p.since)
		p.since, p.unsure, p.gaps = 0, false, 0
	}
	w.number(optPacketID, e.Seq)
	w.endOptions()
	w.close()
	p.seen++
}

var inferredNotes = map[bool]string{true: "natlens: inferred new", false: "natlens: inferred update"}

// note appends a comment where no packet is to bear it: in a block of statistics,
// which is there for the count of drops.
func (p *Writer) note(at monitor.Time, text []byte, from, to uint64) {
	w := &p.blocks
	w.open(blockStatistics)
	w.u32(0)
	w.time(uint64(at))
	w.option(optComment, min(len(text), optionMax))
	w.b = append(w.b, text[:min(len(text), optionMax)]...)
	w.pad()
	w.moment(optStatsStart, from)
	w.moment(optStatsEnd, to)
	w.number(optStatsDropped, p.lost)
	w.endOptions()
	w.close()
}
