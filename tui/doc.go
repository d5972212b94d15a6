// Package tui is the terminal UI of natlens: the live table of flows, the tail of
// events, what fills the table, what NAT does, and each flow's walk through the
// hooks.
//
// The UI pulls. Nothing sends it a message per event: once a frame it asks the
// [natlens/monitor.Table] for the rows in sight. It does not know where the events
// come from, and it opens no socket and no file; what it can do to the world stands
// in small interfaces in [Config].
//
// [RenderWalk] draws one flow's walk for a program that only prints.
package tui
