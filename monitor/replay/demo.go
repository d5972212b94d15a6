package replay

import _ "embed"

// Two minutes in the gateway of the lab, recorded by cmd/demo-recording: real
// events of a real kernel, addresses of the documentation ranges.
//
//go:embed demo.jsonl.gz
var demo []byte

// Demo is the recording that ships with the program: a gateway with two clients
// behind it, SNAT with clashes of ports, published services, IPv6 and a bit of
// everything else. It begins with the flows that were there. To see it as if it
// were now, without an end:
//
//	NewPlayer(Demo(cfg), PlayerConfig{AsOf: monitor.Now(), Loop: true, Reset: …})
func Demo(cfg Config) *Recording { return Bytes(cfg, "demo", demo) }
