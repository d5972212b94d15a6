// Package export writes events for people and programs: one format a file, each
// a [monitor.Sink] over an [io.Writer].
//
//	sink, err := export.New("jsonl", os.Stdout, export.Options{})
//
// [Formats] lists them. docs/json.md specifies the JSON lines, the comment of
// [CSVHeader] the columns of csv; the conntrack format is that of conntrack(8)
// 1.4.7.
//
// Every sink writes whole lines, one Write a batch, into a buffer that it reuses.
// An error of the writer sticks: later batches get it again and nothing more is
// written. Close writes what the format ends with and does not close the writer:
// who made it closes it. Nothing here flushes or syncs; [File] is the writer for
// the disk. A sink is for one goroutine.
//
// Text that was not made here (helper names, security contexts, label names) goes
// through the escaper of package monitor.
package export
