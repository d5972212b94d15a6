package export

import (
	"io"

	"github.com/klauspost/compress/zstd"

	"natlens/export/jsonl"
	"natlens/export/pcapng"
	"natlens/monitor/replay"
)

// Reading returns the configuration with all formats of recordings (JSON lines, pcapng and
// pcap) and with zstd.
func Reading(cfg replay.Config) replay.Config {
	cfg.Formats = []replay.Format{jsonl.Format, pcapng.Format, pcapng.PCAP}
	cfg.Zstd = unpackZstd
	return cfg
}

// unpackZstd unpacks in bounded memory, without a goroutine.
func unpackZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20),
		zstd.WithDecoderLowmem(true))
}
