// Package filter is the language in which events and flows are selected, on the
// command line, in the terminal UI, in replays and in the kernel.
//
//	e, err := filter.Parse("tcp dport 443 and not snat")
//	keep := filter.Compile(e, filter.Env{})
//	batch.Keep(keep)
//
// A text is parsed into an [Expr], a tree of a few node types that prints back
// as canonical text. [Compile] makes a closure of it that allocates nothing.
// [Lower] spells a tree out in the primitives [In], [Prefix] and [Differ], which
// the kernel's side can compile as well, and [Split] says which part of a tree
// may run there. [Env.FromFlags] translates conntrack(8)'s flags into the same
// tree, [Describe] says in words what a tree selects, and [Env.Complete] what may
// come next.
//
// The reference of the language is docs/filters.md.
//
// A comparison with an attribute that is not known is false, and its negation
// with not is true: "timeout < 30s" selects no flow whose timeout nobody knows,
// "not timeout < 30s" does. Two attributes have a value by their absence: the
// kernel leaves a mark of 0 and the default zone out.
package filter
