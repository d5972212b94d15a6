package monitor

// Hook is a point where netfilter sees a packet (enum nf_inet_hooks).
type Hook uint8

// The hooks, by their kernel numbers.
const (
	Prerouting Hook = iota
	Input
	Forward
	Output
	Postrouting
)

// String returns the hook's name in capital letters.
func (h Hook) String() string {
	return name(h, []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT"}, "POSTROUTING")
}

// Lookup says what conntrack does with a packet at a hook.
type Lookup uint8

// The ways of conntrack with a packet at a hook.
const (
	LookupNone    Lookup = iota // nothing to look up: the entry rides on the packet
	LookupNew                   // looked up by its tuple, not found: a new entry
	LookupReply                 // looked up by its tuple, found as the reply direction of the entry
	LookupCarried               // came back over loopback with its entry: not looked up again
)

// Rewrite is one change of a packet's address or port at a hook.
type Rewrite struct {
	Source   bool     // the source is rewritten, else the destination
	From, To Endpoint // before and after
	Kind     NATKind  // NATSource or NATDestination: the manipulation that does it or is undone
	Undo     bool     // the reply direction: the manipulation is undone
}

// Step is what happens to a packet at one hook.
type Step struct {
	Hook     Hook
	Lookup   Lookup
	NATTable bool     // the hook has a nat chain and this packet asks it: the first packet of the flow only
	Rewrite  *Rewrite // nil: the addresses stay
	Confirm  bool     // here the entry enters the table, and NEW is sent
	Src, Dst Endpoint // on the packet when it leaves the hook
}

// Direction is the way of one direction's packets through this host.
type Direction struct {
	Reply    bool
	In       bool     // arrives from the wire; else it is made here
	Out      bool     // leaves on the wire; else it is delivered here
	Src, Dst Endpoint // as it comes in
	Steps    []Step
	Last     struct{ Src, Dst Endpoint } // as it goes out
}

// Walk is one flow as its packets see it: the first packet of the original
// direction, which makes the entry, and any packet of the reply direction.
type Walk struct {
	Flow            Flow
	NAT             NAT
	Path            Path
	Assumed         bool   // the local addresses are not known: drawn as forwarded
	Master          *Tuple // original tuple of the flow whose helper expected this one; nil: unknown
	Original, Reply Direction
}

// NewWalk draws up the walk of a flow; Flow.Path says which hooks it passes. A
// flow does not know its master; the caller fills it in.
//
// The rules are those of the kernel's nf_nat_packet: conntrack looks a packet up
// once, at PREROUTING or OUTPUT, priority −200. NAT rewrites destinations at
// PREROUTING and OUTPUT and sources at POSTROUTING and INPUT; for replies the
// same hooks undo the other manipulation. The nat chains run for the packet that
// made the entry only; all others are rewritten from the entry.
func NewWalk(f *Flow) Walk {
	w := Walk{Flow: *f, NAT: f.NAT(), Path: f.Path}
	if w.Path == PathUnknown {
		w.Path, w.Assumed = PathForward, true
	}
	hooks := pathHooks[w.Path]
	w.Original = Direction{In: hooks.in, Out: hooks.out, Src: f.From(), Dst: f.To()}
	w.Original.walk(hooks.original, &w)
	w.Reply = Direction{Reply: true, In: hooks.out, Out: hooks.in, Src: f.DeliveredTo(), Dst: f.SentAs()}
	w.Reply.walk(hooks.reply, &w)
	return w
}

var pathHooks = [...]struct {
	in, out         bool
	original, reply []Hook
}{
	PathForward: {true, true, []Hook{Prerouting, Forward, Postrouting}, []Hook{Prerouting, Forward, Postrouting}},
	PathOut:     {false, true, []Hook{Output, Postrouting}, []Hook{Prerouting, Input}},
	PathIn:      {true, false, []Hook{Prerouting, Input}, []Hook{Output, Postrouting}},
	PathLoop: {false, false, []Hook{Output, Postrouting, Prerouting, Input},
		[]Hook{Output, Postrouting, Prerouting, Input}},
}

// walk fills in the steps of a direction from its first addresses on.
func (d *Direction) walk(hooks []Hook, w *Walk) {
	d.Last.Src, d.Last.Dst = d.Src, d.Dst
	last := Postrouting // before the first packet leaves the stack for the first time
	if w.Path == PathIn {
		last = Input
	}
	done := NATNone // each manipulation happens once, also on the long way over loopback
	for i, h := range hooks {
		s := Step{Hook: h, Lookup: d.lookup(i, h)}
		s.NATTable = !d.Reply && h != Forward && !(w.Path == PathLoop && i >= 2)
		s.Confirm = !d.Reply && h == last
		if kind := manip(h, d.Reply); w.NAT.Kind&kind&^done != 0 {
			done |= kind
			end, source := &d.Last.Dst, h == Postrouting || h == Input
			if source {
				end = &d.Last.Src
			}
			s.Rewrite = &Rewrite{source, *end, rewritten(kind, d.Reply, &w.Flow), kind, d.Reply}
			*end = s.Rewrite.To
		}
		s.Src, s.Dst = d.Last.Src, d.Last.Dst
		d.Steps = append(d.Steps, s)
	}
}

func (d *Direction) lookup(i int, h Hook) Lookup {
	switch {
	case i == 0 && d.Reply:
		return LookupReply
	case i == 0:
		return LookupNew
	case h == Prerouting:
		return LookupCarried
	}
	return LookupNone
}

// manip is HOOK2MANIP of the kernel, with the bit inverted for replies: the
// manipulation that the hook does, or undoes.
func manip(h Hook, reply bool) NATKind {
	switch {
	case h == Forward:
		return NATNone
	case (h == Postrouting || h == Input) != reply:
		return NATSource
	}
	return NATDestination
}

// rewritten returns what a packet's address becomes: for the original direction what
// the reply tuple asks for, for replies what the original tuple had.
func rewritten(kind NATKind, reply bool, f *Flow) Endpoint {
	switch {
	case kind == NATSource && reply:
		return f.From()
	case kind == NATSource:
		return f.SentAs()
	case reply:
		return f.To()
	}
	return f.DeliveredTo()
}
