// Package replay makes a recording a source of events: JSON lines, pcapng files, and
// captures of others, plain or packed. Formats are handed in; package export has them.
//
//	rec := replay.File(export.Reading(replay.Config{}), "flows.jsonl")
//	src, err := rec.Open() // a monitor.Source, which never waits
//
// A [Player] plays a recording by the clock, at any speed. It can be paused and sent to
// any position:
//
//	p, err := replay.NewPlayer(rec, replay.PlayerConfig{Reset: table.Clear})
//	l := loop.Loop{Source: p, Table: table}
//	go l.Run(ctx)
//	p.Speed(10)
//
// Each run of unreadable lines or blocks becomes an event of KindLost in its place.
// [Stats] counts them and says where the first one is. A recording that ends in the middle
// is read up to there.
//
// JSON lines contain what their writer knew: numbers of events and flows, remembered
// attributes, paths. They need no table. Captures contain the kernel's messages, and need
// one.
package replay
