package monitor

import "time"

// Kind is the type of an event.
type Kind uint8

// The kinds. The kernel sends New, Update and Destroy; natlens makes the others.
const (
	KindNone       Kind = iota
	KindNew             // IPCTNL_MSG_CT_NEW with NLM_F_CREATE|NLM_F_EXCL
	KindUpdate          // IPCTNL_MSG_CT_NEW without these flags
	KindDestroy         // IPCTNL_MSG_CT_DELETE
	KindExisting        // a flow that a dump of the table found
	KindInterim         // a flow that lives, with its counters, from a dump of the table
	KindLost            // the kernel dropped events: Event.Gap
	KindResynced        // the table was reconciled after a loss: Event.Gap
	KindNetNSBegin      // a network namespace was found during the run: Event.NetNS
	KindNetNSEnd        // a network namespace ended, and its flows with it: Event.NetNS
)

var kindNames = []string{"none", "new", "update", "destroy", "existing", "interim", "lost", "resynced",
	"netns_begin", "netns_end"}

// String returns the word that filters and JSON lines use.
func (k Kind) String() string { return name(k, kindNames, "unknown") }

// HasFlow reports whether events of the kind are about one flow.
func (k Kind) HasFlow() bool { return k >= KindNew && k <= KindInterim }

// Dumped reports whether events of the kind come from a dump of the table.
func (k Kind) Dumped() bool { return k == KindExisting || k == KindInterim }

// Time is nanoseconds since the Unix epoch, UTC; 0 means unknown.
type Time int64

// Now returns the time of the wall clock.
func Now() Time { return Time(time.Now().UnixNano()) }

// Time returns t as a time.Time in UTC.
func (t Time) Time() time.Time { return time.Unix(0, int64(t)).UTC() }

// TimeSource says whose clock stamped an event.
type TimeSource uint8

// The sources, best first.
const (
	TimeUnknown  TimeSource = iota
	TimeKernel              // CTA_TIMESTAMP_EVENT: when it happened
	TimeRing                // the capture's program in the kernel, as the message was sent
	TimeReceived            // read from the socket
)

// A literal in String would be built at each call.
var timeSourceNames = []string{"unknown", "kernel", "ring", "receive"}

// String returns the word that JSON lines use: kernel, ring, receive, unknown.
func (s TimeSource) String() string { return name(s, timeSourceNames, "unknown") }

// Event is one message of the stream.
//
// Raw, Extra and Gap are only valid until the batch that holds the event is
// reset. Local stays valid; everything else is a value.
type Event struct {
	Seq        uint64 // 1, 2, 3 … within a run, in the order of arrival; set by the loop unless a recording contains it
	Time       Time
	TimeSource TimeSource
	Kind       Kind
	Inferred   bool   // derived from a resync or the end of a namespace; the kernel did not send it
	Reason     Reason // of an inferred end
	Unkept     bool   // the table does not keep this flow: it had ended, or there are too many; set by the table
	Has        Attrs  // attributes that this message contains
	Remembered Attrs  // attributes filled in from earlier messages of the same flow
	Gen        uint64 // the table's number of this flow, unique within a run; 0 without a table
	PortID     uint32 // nlmsg_pid: port of the program that caused the event; 0 for traffic, and in a dump
	Born       Time   // when the flow began: the kernel's start, else the time of its NEW; 0 unknown
	Row        uint32 // the flow's row in the table; valid with Gen only
	Flow       Flow
	Extra      *Extra // nil unless Has or Remembered names an attribute in it
	Local      *Local // nil unless processes and containers were looked up and one was found
	Rate       *Rate  // nil unless the counters were read twice
	Gap        *Gap   // only for KindLost and KindResynced
	Raw        []byte // the netlink message as the kernel sent it, header included; or nil
}

// Reason says why natlens inferred that a flow ended.
type Reason uint8

// The reasons. The kernel sends no DESTROY for the flows of a namespace that ends.
const (
	ReasonResync   Reason = iota // the kernel's table does not contain the flow any more
	ReasonNetNSEnd               // the namespace ended
)

// String returns the word that JSON lines use: resync, netns_end.
func (r Reason) String() string { return name(r, []string{"resync", "netns_end"}, "resync") }

// NetNS returns the namespace of the event, also for a loss and for the begin and end of a
// namespace. It is 0 if only one namespace is watched, and for a loss or a resync of all
// namespaces.
func (e *Event) NetNS() NetNS { return e.Flow.Orig.NetNS }

// SetNetNS sets the namespace of an event that a decoder made.
func (e *Event) SetNetNS(n NetNS) {
	e.Flow.Orig.NetNS, e.Flow.Reply.NetNS = n, n
	if e.Known()&AttrMaster != 0 {
		e.Extra.Master.NetNS = n
	}
}

// Known returns the attributes that are known: those in the message and those remembered.
func (e *Event) Known() Attrs { return e.Has | e.Remembered }

// Rate is bytes per second of a flow in the original direction (Up) and the reply direction.
type Rate struct{ Up, Down float64 }

// Gap describes lost events, and the reconciliation after them.
type Gap struct {
	Count     uint64 // events lost
	Uncertain bool   // the kernel did not count them; Count is a minimum
	From, To  Time   // the events were lost between these two: last event before the gap, first time after it

	// Only for KindResynced: inferred events emitted, by kind.
	Added, Changed, Ended uint64
}

// Filter reports whether it selects an event. It must not retain the event.
type Filter func(*Event) bool

// Batch is a reused slice of events in the order of arrival. The caller of Source.Next owns it.
// Sinks must not retain it or anything that it points to.
type Batch struct {
	Events []Event
	extras []Extra
}

// BatchSize is the maximum number of events that a source adds to a batch.
const BatchSize = 512

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Events = b.Events[:0]
	b.extras = b.extras[:0]
}

// Add appends an empty event and returns it. The pointer is valid until the next Add.
func (b *Batch) Add() *Event {
	b.Events = extended(b.Events)
	return &b.Events[len(b.Events)-1]
}

// extended returns the slice with one more element, which is zero.
func extended[T any](s []T) []T {
	if n := len(s); n < cap(s) {
		s = s[:n+1]
		s[n] = *new(T) // faster than clear
		return s
	}
	return append(s, *new(T))
}

// Drop removes the last event.
func (b *Batch) Drop() { b.Events = b.Events[:len(b.Events)-1] }

// NewExtra returns an empty Extra that lives as long as the batch's events.
func (b *Batch) NewExtra() *Extra {
	// When the slice grows, earlier events still point into the old array, which stays
	// unchanged.
	b.extras = extended(b.extras)
	return &b.extras[len(b.extras)-1]
}

// Keep removes the events that f does not select (nil selects all). Losses and resyncs always
// stay, because a user must know of them.
func (b *Batch) Keep(f Filter) {
	if f == nil {
		return
	}
	n := 0
	for i := range b.Events {
		e := &b.Events[i]
		if e.Kind.HasFlow() && !f(e) {
			continue
		}
		if n != i {
			b.Events[n] = *e
		}
		n++
	}
	b.Events = b.Events[:n]
}
