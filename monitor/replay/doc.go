// Package replay makes a recording a source of events again: JSON lines as
// `natlens watch -o jsonl` writes them, pcapng files of `natlens record`, and
// captures of an nlmon device that others made; plain or packed.
//
//	rec := replay.File(replay.Config{}, "flows.jsonl")
//	src, err := rec.Open() // a monitor.Source: as fast as it is read
//
// A [Player] plays a recording by the clock, at any speed, and can be paused and
// sent to any place of it:
//
//	p, err := replay.NewPlayer(rec, replay.PlayerConfig{Reset: table.Clear})
//	m := monitor.Monitor{Source: p, Table: table}
//	go m.Run(ctx)
//	p.Speed(10)
//
// What cannot be read is data too: each run of unreadable lines or blocks becomes
// an event of KindLost where it stood, so that nobody takes what is left for the
// whole ([Stats] tells the first of them and where). A recording that was cut off
// in the middle is readable up to the cut.
//
// JSON lines bear what the program that wrote them knew: numbers of events and
// flows, remembered attributes, paths. A Monitor gives them on as they are if it
// has no Table. Captures bear the kernel's messages, and need one.
package replay
