// Package filter is the language that selects events and flows, on the command line, in the
// terminal UI, in replays and in the kernel.
//
//	e, err := filter.Parse("tcp dport 443 and not snat")
//	keep := filter.Compile(e, filter.Env{})
//	batch.Keep(keep)
//
// Parse returns an [Expr], a tree of a few node types that prints as canonical text. [Compile]
// makes a function of it that does not allocate. [Lower] rewrites a tree with the primitives
// [In], [Prefix] and [Differ], which can also be compiled for the kernel, and [Split] returns
// the part of a tree that can run there. [Env.FromFlags] translates conntrack(8)'s flags into
// the same tree. [Env.Complete] returns what can come next in a text.
//
// docs/filters.md is the reference of the language.
//
// A comparison with an unknown attribute is false, and its negation with not is true: "timeout
// < 30s" does not select a flow with an unknown timeout, "not timeout < 30s" does. Two
// attributes have a value if they are absent, because the kernel does not send a mark of 0 and
// the default zone.
package filter
