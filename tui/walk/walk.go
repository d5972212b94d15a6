// Package walk draws a flow's walk through the hooks of netfilter, as its packets see it.
package walk

import (
	"slices"

	"natlens/monitor"
	"natlens/tui/paint"
)

// sideBySide is the width from which both directions are side by side.
const sideBySide = 100

// Render draws the walk of a flow: for both directions each hook, where conntrack
// looks the packet up, when the nat table is asked, what is rewritten and where the entry is confirmed.
// From 100 columns the two directions are side by side, below that one above the other. No line
// is wider than width, unless a single address is. Lines end in a newline. With paint.Plain
// they have no escape sequences.
func Render(w monitor.Walk, width int, st paint.Style) string {
	var out []byte
	for _, l := range Lines(&w, width, true) {
		out = append(st.Append(out, &l), '\n')
	}
	return string(out)
}

// Lines returns a walk as lines, with explain also the sentences that explain it.
func Lines(w *monitor.Walk, width int, explain bool) []paint.Line {
	var out []paint.Line
	switch {
	case w.Dropped() || w.Untracked: // there is no reply
		out = slices.Concat(blocks(w, &w.Original, width)...)
	case width >= sideBySide:
		half := (width - 2) / 2
		left, right := blocks(w, &w.Original, half), blocks(w, &w.Reply, half)
		for i := range left {
			out = appendBeside(out, left[i], right[i], half+2)
		}
	default:
		both := append(blocks(w, &w.Original, width), []paint.Line{{}})
		out = slices.Concat(append(both, blocks(w, &w.Reply, width)...)...)
	}
	notes := footNotes(w)
	if !explain {
		notes = slices.DeleteFunc(notes, func(n paint.Note) bool { return n[0].Role == paint.Muted })
	}
	for i, n := range notes {
		if i == 0 {
			out = append(out, paint.Line{})
		}
		out = n.Flow(out, width, 0)
	}
	return out
}

// appendBeside sets two blocks beside each other, the right one at a column.
func appendBeside(out, left, right []paint.Line, column int) []paint.Line {
	for i := range max(len(left), len(right)) {
		var l paint.Line
		if i < len(left) {
			l.AddLine(&left[i])
		}
		if i < len(right) && right[i].Width() > 0 {
			l.Pad(column)
			l.AddLine(&right[i])
		}
		out = append(out, l)
	}
	return out
}

// blocks returns a direction from top to bottom: its addresses, where the packet comes from,
// one block for each hook, where it goes. Both directions of a walk have the same number of
// blocks.
func blocks(w *monitor.Walk, d *monitor.Direction, width int) [][]paint.Line {
	p := w.Flow.Orig.Proto
	name, in, out := "original", "── in ──", "── out ──"
	if d.Reply {
		name = "reply"
	}
	if !d.In {
		in = "── sent from this host ──"
	}
	if !d.Out {
		out = "── delivered to this host ──"
	}
	all := [][]paint.Line{flowEnds(paint.Title, name, d.Src, d.Dst, p, width), {mark(in)}}
	for i := range d.Steps {
		s := &d.Steps[i]
		var lines []paint.Line
		if s.Lookup == monitor.LookupCarried {
			lines = append(lines, mark("── over lo ──"))
		}
		all = append(all, append(lines, stepLines(w, s, width)...))
	}
	if !d.Reply && w.Dropped() {
		var l paint.Line
		l.Add(paint.Ended, "── dropped ──")
		return append(all, []paint.Line{l})
	}
	return append(all, flowEnds(paint.Muted, out, d.Last.Src, d.Last.Dst, p, width))
}

func mark(text string) paint.Line {
	var l paint.Line
	l.Add(paint.Muted, text)
	return l
}

// flowEnds returns the line "name src → dst", broken before the arrow if it is too long.
func flowEnds(r paint.Role, name string, src, dst monitor.Endpoint, p monitor.Proto, width int) []paint.Line {
	n := paint.Note{{Role: paint.Text, Text: paint.Whole(paint.End(p, src).String())}, {Role: paint.Muted, Text: " → "},
		{Role: paint.Text, Text: paint.Whole(paint.End(p, dst).String())}}
	return paint.Hang(r, name, n, width)
}

// stepLines returns a hook's name with its notes.
func stepLines(w *monitor.Walk, s *monitor.Step, width int) []paint.Line {
	notes := stepNotes(w, s)
	lines := paint.Hang(paint.Label, s.Hook.String(), notes[0], width)
	for _, n := range notes[1:] {
		lines = n.Flow(lines, width, paint.HeadColumn)
	}
	return lines
}

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
	warning := func(text string) paint.Note { return paint.Note{{Role: paint.Warn, Text: text}} }
	asNow := slices.ContainsFunc(w.Original.Steps, func(s monitor.Step) bool {
		return slices.ContainsFunc(s.Rules, func(r monitor.Decision) bool { return r.Certainty != monitor.Traced })
	})
	for _, n := range []struct {
		applies bool
		note    paint.Note
	}{
		{w.Assumed, warning("The addresses of this host are not known: the flow is drawn as forwarded.")},
		{w.NAT.NoBits, warning("The tuples differ where no NAT bit is set: IPVS, or an entry made by hand.")},
		{w.NAT.StrayBits, warning("A NAT bit is set on a side that does not differ: an entry made by hand.")},
		{w.NAT.Redirect, paint.Words("DNAT sends the packet to this host itself: a redirect.")},
		{asNow, paint.Words("The rules are those of now, for the flow's first packet. " +
			"Exact: every condition is known. Probable: some are not, such as the interface.")},
	} {
		if n.applies {
			out = append(out, n.note)
		}
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
