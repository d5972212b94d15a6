package replay

import _ "embed"

// Two minutes on the gateway of the lab, recorded by cmd/demo-recording: events of a real
// kernel, with addresses of the documentation ranges.
//
//go:embed demo.jsonl.gz
var demo []byte

// Demo is the recording that ships with the program: a gateway with two clients, SNAT with
// port clashes, published services, and IPv6. It begins with the flows that existed. To
// play it as if it were now, without an end:
//
//	NewPlayer(Demo(cfg), PlayerConfig{AsOf: monitor.Now(), Loop: true, Reset: …})
func Demo(cfg Config) *Recording { return Bytes(cfg, "demo", demo) }
