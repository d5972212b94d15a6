package monitor

// Certainty is how a Decision was found.
type Certainty uint8

const (
	// Traced means that a trace of the packet reported the decision.
	Traced Certainty = iota
	// Exact means that every condition of the rules, as they are now, is known to match the
	// flow's first packet or not.
	Exact
	// Probable means that some conditions compare what is not known, or the flow contradicts the
	// rules.
	Probable
)

// String returns the word that begins a decision's text, "" for Traced.
func (c Certainty) String() string { return [...]string{"", "exact", "probable"}[c] }

// Decision is a rule or policy of nf_tables that decides about a packet at a hook.
type Decision struct {
	Hook      Hook
	Text      string // names the chain, the handle and the rule; untrusted
	Drop      bool
	Certainty Certainty
}

// Decide adds rules to the steps of the original direction. A rule that drops the packet ends
// the walk, which then has no reply.
func (w *Walk) Decide(rules []Decision) {
	for i := range w.Original.Steps {
		s := &w.Original.Steps[i]
		for _, r := range rules {
			if r.Hook == s.Hook {
				s.Rules, s.Dropped = append(s.Rules, r), s.Dropped || r.Drop
			}
		}
		s.Confirm = s.Confirm && !s.Dropped && !w.Untracked
		if s.Dropped {
			w.Original.Steps = w.Original.Steps[:i+1]
			return
		}
	}
}

// Dropped reports whether a rule drops the packet.
func (w *Walk) Dropped() bool {
	n := len(w.Original.Steps)
	return n > 0 && w.Original.Steps[n-1].Dropped
}
