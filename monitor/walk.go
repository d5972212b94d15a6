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

// The results of the lookup.
const (
	LookupNone    Lookup = iota // no lookup: the packet carries its entry
	LookupNew                   // no entry found: a new one is made
	LookupReply                 // found as the reply direction of an entry
	LookupCarried               // no lookup: the packet came back over loopback with its entry
)

// Rewrite is one change of a packet's address or port at a hook.
type Rewrite struct {
	Source   bool     // the source is rewritten; false: the destination
	From, To Endpoint // before and after
	Kind     NATKind  // NATSource or NATDestination: the manipulation that is done or undone
	Undo     bool     // a reply: the manipulation is undone
}

// Step is what happens to a packet at one hook.
type Step struct {
	Hook     Hook
	Lookup   Lookup
	NATTable bool     // the hook has a nat chain, and this packet passes it: only the first packet of the flow does
	Rewrite  *Rewrite // nil: nothing is rewritten
	Confirm  bool     // the entry enters the table here, and the kernel sends NEW
	Src, Dst Endpoint // addresses of the packet after the hook
	Rules    []Decision
	Dropped  bool // one of Rules drops the packet
}

// Direction is the way of one direction's packets through this host.
type Direction struct {
	Reply    bool
	In       bool     // arrives from the network; false: made on this host
	Out      bool     // leaves to the network; false: delivered to this host
	Src, Dst Endpoint // addresses before the first hook
	Steps    []Step
	Last     struct{ Src, Dst Endpoint } // addresses after the last hook
}

// Walk is one flow as its packets see it: the first packet of the original
// direction, which makes the entry, and any packet of the reply direction.
type Walk struct {
	Flow            Flow
	NAT             NAT
	Path            Path
	Assumed         bool   // the local addresses are not known, so the path is assumed to be forward
	Master          *Tuple // original tuple of the flow whose helper expected this one; nil: unknown
	Untracked       bool   // the packet has no flow, or was dropped before the lookup
	Original, Reply Direction
}

// NewWalk returns the walk of a flow. Flow.Path says which hooks it passes. The caller sets
// Master, which a flow does not contain.
//
// The rules are those of the kernel's nf_nat_packet. Conntrack looks a packet up once, at
// PREROUTING or OUTPUT, priority −200. NAT rewrites destinations at PREROUTING and OUTPUT, and
// sources at POSTROUTING and INPUT. For replies the same hooks undo the other manipulation.
// Only the packet that made the entry passes the nat chains; all others are rewritten from the
// entry.
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

// walk sets the steps of a direction, from its first addresses on.
func (d *Direction) walk(hooks []Hook, w *Walk) {
	d.Last.Src, d.Last.Dst = d.Src, d.Dst
	last := Postrouting // where the first packet leaves the stack for the first time
	if w.Path == PathIn {
		last = Input
	}
	done := NATNone // each manipulation happens once, even over loopback
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

// manip is the kernel's HOOK2MANIP, with the bit inverted for replies: the manipulation that
// the hook does or undoes.
func manip(h Hook, reply bool) NATKind {
	switch {
	case h == Forward:
		return NATNone
	case (h == Postrouting || h == Input) != reply:
		return NATSource
	}
	return NATDestination
}

// rewritten returns the new address of a packet: in the original direction that of the reply
// tuple, in the reply direction that of the original tuple.
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
