package monitor

// Decision is a rule or policy of nf_tables that decides about a packet at a hook.
type Decision struct {
	Hook     Hook
	Text     string // names the chain, the handle and the rule; untrusted
	Drop     bool
	Probable bool // the rule fits the flow; false: a trace of the packet reported it
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
