//go:build linux

package kernel

import (
	"fmt"
	"math/bits"

	"natlens/monitor"
)

// Open starts to capture: from its return on no event is missed untold. With
// Auto it takes the ring where it can be had; why it could not is what
// [WhyNotRing] of the capture tells.
func Open(cfg Config) (Capture, error) {
	if cfg.Buffer == 0 {
		cfg.Buffer = DefaultBuffer
	}
	if cfg.Ring == 0 {
		cfg.Ring = DefaultRing
	}
	if cfg.Coalesce == 0 {
		cfg.Coalesce = DefaultCoalesce
	}
	if cfg.Ring < 4096 || bits.OnesCount(uint(cfg.Ring)) != 1 {
		return nil, fmt.Errorf("ring of %d bytes: must be a power of two and at least 4096", cfg.Ring)
	}
	return openSocket(cfg)
}

var _ monitor.Live = (*socketCapture)(nil)
