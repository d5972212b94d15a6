// Package tui is the terminal UI of natlens: the live table of flows, the tail of events,
// what fills the table, what NAT does, and each flow's walk through the hooks.
//
//	keys   what each key does, and how help and footer name it
//	paint  lines of spans with a meaning, and what each meaning looks like
//	tail   the sink that keeps the last events
//	page   what the pages share; the packages of the pages, detail, walk and filterbar use it
//	tui    the root model: it routes messages to pages, and draws what is around them
//
// The UI pulls. Nothing sends it a message per event: once a frame the open page reads the
// rows around its cursor, or has them counted in a command. It opens no socket and no file:
// what it can do is in small interfaces in [Config]. docs/architecture.md follows a key to
// the screen.
package tui
