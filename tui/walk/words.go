package walk

import (
	"slices"

	"natlens/monitor"
	"natlens/tui/paint"
)

// stepNotes says what happens to the packet at a step: the look-up, the nat table, the
// rewrite, the confirmation, in the order of their priorities at the hook (conntrack −200, nat
// −100 or 100, confirm last), and which rules decided.
func stepNotes(w *monitor.Walk, s *monitor.Step) []paint.Note {
	out := append([]paint.Note{paint.Words(lookupWords(w, s))}, natNotes(w, s)...)
	for _, r := range s.Rules {
		role := paint.Text
		switch {
		case r.Drop:
			role = paint.Bad
		case r.Certainty == monitor.Probable:
			role = paint.Muted
		}
		out = append(out, paint.Note{{Role: role, Text: monitor.Escape(r.Text)}})
	}
	if s.Confirm {
		out = append(out, paint.Note{{Role: paint.Text, Text: "entry confirmed: NEW is sent"}})
	}
	return out
}

func lookupWords(w *monitor.Walk, s *monitor.Step) string {
	switch {
	case w.Untracked && s.Dropped && s.Lookup == monitor.LookupNew:
		return "dropped before the look-up"
	case w.Untracked:
		return "not tracked: no look-up, no NAT"
	}
	switch s.Lookup {
	case monitor.LookupNew:
		return "looked up: not found, new entry"
	case monitor.LookupReply:
		return "looked up: found by its reply tuple"
	case monitor.LookupCarried:
		return "no look-up: the packet still has its entry"
	}
	if s.Hook == monitor.Forward {
		return "nothing is rewritten here"
	}
	return "no look-up: the packet has its entry"
}

// natNotes says whether the nat table is asked and what is rewritten.
func natNotes(w *monitor.Walk, s *monitor.Step) []paint.Note {
	switch {
	case s.Hook == monitor.Forward || w.Untracked || s.Dropped && s.Rewrite == nil:
		return nil
	case s.Rewrite != nil:
		return []paint.Note{paint.Words(rewriteWords(w, s.Rewrite)), rewriteNote(w, s.Rewrite)}
	case s.NATTable:
		return []paint.Note{paint.Words(untouchedWords(w, s))}
	}
	return []paint.Note{paint.Words("nat table: skipped")}
}

// rewriteWords names the manipulation and its cause.
func rewriteWords(w *monitor.Walk, r *monitor.Rewrite) string {
	verb, bit := "SNAT", monitor.SrcNAT
	if r.Kind == monitor.NATDestination {
		verb, bit = "DNAT", monitor.DstNAT
	}
	switch {
	case !w.Flow.Status.Has(bit):
		return "not by the nat table (no " + verb + " bit):"
	case r.Undo:
		return "nat table: skipped; from the entry:"
	case w.Flow.Status.Has(monitor.Expected):
		return "nat table or the flow's helper: " + verb
	case r.Kind == monitor.NATDestination && w.NAT.Redirect:
		return "nat table, first packet only: redirect"
	}
	return "nat table, first packet only: " + verb
}

// untouchedWords describes a nat hook that does not change the packet. The bits SRC_NAT_DONE
// and DST_NAT_DONE say whether there was a chain.
func untouchedWords(w *monitor.Walk, s *monitor.Step) string {
	side, bit := "dst", monitor.DstNATDone
	if s.Hook == monitor.Postrouting || s.Hook == monitor.Input {
		side, bit = "src", monitor.SrcNATDone
	}
	switch {
	case !w.Flow.Status.Has(bit):
		return "nat table: no chain here, " + side + " unchanged"
	case w.Flow.Status.Has(monitor.Expected): // nf_nat_follow_master sets both sides, and no chain is asked
		return "nat table or the flow's helper: " + side + " unchanged"
	}
	return "nat table, first packet only: " + side + " unchanged"
}

// rewriteNote is the change; only the new parts have the accent colour.
func rewriteNote(w *monitor.Walk, r *monitor.Rewrite) paint.Note {
	side, addr, port := "dst ", w.NAT.DstAddr, w.NAT.DstPort
	if r.Source {
		side = "src "
	}
	if r.Kind == monitor.NATSource {
		addr, port = w.NAT.SrcAddr, w.NAT.SrcPort
	}
	p := w.Flow.Orig.Proto
	var l paint.Line
	paint.End(p, r.To).Add(&l, addr, port)
	n := paint.Note{
		{Role: paint.Text, Text: side + paint.Whole(paint.End(p, r.From).String())},
		{Role: paint.Arrow, Text: " ⇒ "},
	}
	for _, s := range l.Spans {
		n = append(n, paint.Span{Role: s.Role, Text: paint.Whole(s.Text)})
	}
	return n
}

// footNotes are notes about the whole walk.
func footNotes(w *monitor.Walk) []paint.Note {
	var out []paint.Note
	if w.Master != nil {
		out = append(out, masterNote(w.Master))
	}
	if w.Assumed {
		out = append(out, paint.Note{{Role: paint.Warn,
			Text: "The addresses of this host are not known: the flow is drawn as forwarded."}})
	}
	if w.NAT.NoBits {
		out = append(out, paint.Note{{Role: paint.Warn, Text: "The tuples differ where no NAT bit is set: " +
			"IPVS, or an entry made by hand."}})
	}
	if w.NAT.StrayBits {
		out = append(out, paint.Note{{Role: paint.Warn, Text: "A NAT bit is set on a side that does not differ: " +
			"an entry made by hand."}})
	}
	if w.NAT.Redirect {
		out = append(out, paint.Words("DNAT sends the packet to this host itself: a redirect."))
	}
	if slices.ContainsFunc(w.Original.Steps, func(s monitor.Step) bool {
		return slices.ContainsFunc(s.Rules, func(r monitor.Decision) bool { return r.Certainty != monitor.Traced })
	}) {
		out = append(out, paint.Words("The rules are those of now, for the flow's first packet. "+
			"Exact: every condition is known. Probable: some are not, such as the interface."))
	}
	switch {
	case w.Dropped():
		text := "A rule or policy drops the packet, so its flow does not enter the table."
		if slices.ContainsFunc(w.Original.Steps, func(s monitor.Step) bool { return s.Confirm }) { // over loopback
			text = "A rule or policy drops the packet after its flow has entered the table."
		}
		return append(out, paint.Words(text))
	case w.Untracked:
		return append(out, paint.Words("Conntrack does not track the packet, so it has no flow and no NAT."))
	}
	later := "Conntrack looks a packet up once, where it enters; from there the packet has its entry. " +
		"Only the first packet goes through the nat table"
	if w.NAT.Kind != monitor.NATNone && !w.NAT.NoBits {
		later += "; all others, replies too, are rewritten from the entry"
	}
	return append(out, paint.Words(later+"."))
}

// masterNote names the flow whose helper expected this one.
func masterNote(t *monitor.Tuple) paint.Note {
	f := monitor.Flow{Orig: *t}
	return paint.Note{{Role: paint.Label, Text: "master "}, {Role: paint.Text, Text: t.Proto.String() + " "},
		{Role: paint.Text, Text: paint.Whole(paint.End(t.Proto, f.From()).String())}, {Role: paint.Muted, Text: " → "},
		{
			Role: paint.Text,
			Text: paint.Whole(paint.End(t.Proto, f.To()).String()),
		}, {Role: paint.Text, Text: " (its helper expected this flow)"}}
}
