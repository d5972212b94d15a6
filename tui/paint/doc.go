// Package paint is how the terminal UI puts text on a line: spans with a meaning
// (a [Role]), measured and cut by display width, and a [Style] that says what each
// meaning looks like.
//
//	var l paint.Line
//	l.Add(paint.Text, "10.0.0.5:51000 ")
//	l.Add(paint.NAT, "⇒ 203.0.113.7:1024")
//	l.Fit(40)
//	out := paint.Dark.Append(nil, &l)
//
// The zero Style is plain text without a single escape sequence. Lines hold no
// escape sequences either: whatever unsafe character comes into one becomes a
// visible escape (see [natlens/monitor.Escape]).
package paint
