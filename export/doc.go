// Package export opens output formats by name and recordings by content. Each format is a
// package below: jsonl, pcapng, conntrack, csv and pretty.
//
//	sink, err := export.New("jsonl", os.Stdout, export.Options{})
//	rec := replay.File(export.Reading(replay.Config{}), "flows.jsonl")
//
// [Formats] lists the formats. Every sink writes whole lines or blocks, with one Write for each
// batch, from a buffer that it reuses. An error of the writer is final: Write and Close return
// it from then on, and nothing more is written. Close writes the end of the format. It does not
// close the writer; its owner does. Sinks neither flush nor sync. [File] is the writer for
// disks. One goroutine uses a sink.
//
// Untrusted text (helper names, security contexts, namespaces, labels) is escaped.
package export
