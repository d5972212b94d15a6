// Package keys says what each key of the terminal UI does.
//
// An [Action] has keys and words for help and footer, in one table. Each part that can
// have the focus (a page, the detail of a flow, help, the filter bar) says what its actions do;
// [Bind] makes a [Map] of that, once. Pressing a key, the help and the footer all read
// that map, so that none of them can say what is not so.
//
//	m := keys.Bind(keys.Moves(list), keys.Actions{keys.Enter: {Run: open, Does: "these flows"}})
//	cmd, ok := m.Press(msg)
package keys
