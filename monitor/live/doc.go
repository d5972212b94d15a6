// Package live opens runs on the running kernel. A run is a capture of one network namespace or
// of all, a table that follows it, the host's addresses, the rules of package findings, and the
// sinks and taps that the caller adds:
//
//	run, err := live.Open(live.Config{Capture: capture.Config{}, Existing: loop.ExistingBeside})
//	if err != nil { … }
//	defer run.Close()
//	run.Sink(sink, sink.Close)
//	err = run.Run(ctx)
//
// A run numbers its namespaces, and its methods take these numbers. A single namespace has the
// number 0.
package live
