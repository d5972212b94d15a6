package export

import (
	"natlens/export/jsonl"
	"natlens/export/pcapng"
	"natlens/monitor/replay"
)

// Readers are the formats of recordings that can be read: JSON lines, pcapng and pcap.
func Readers() []replay.Format {
	return []replay.Format{jsonl.Format, pcapng.Format, pcapng.PCAP}
}
