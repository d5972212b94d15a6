//go:build linux

package capture

import (
	"errors"
	"fmt"
	"math/bits"

	"natlens/monitor"
)

// Open starts to capture: from its return on no event is missed untold. With
// Auto it takes the ring where it can be had, else the socket; [WhyNotRing] then
// says why. An error wraps [ErrPrivilege] without CAP_NET_ADMIN.
func Open(cfg Config) (Capture, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.Way == Socket {
		return openSocket(cfg)
	}
	ring, err := openRing(cfg)
	var without *RingError
	switch {
	case err == nil:
		return ring, nil
	case cfg.Way == Ring && errors.As(err, &without):
		return nil, fmt.Errorf("capture by ring: %w", err)
	case cfg.Way == Ring || !errors.As(err, &without):
		return nil, err
	}
	socket, err := openSocket(cfg)
	if err != nil {
		return nil, err
	}
	socket.notRing = without
	return socket, nil
}

// complete fills in the defaults.
func (cfg *Config) complete() error {
	if cfg.Buffer == 0 {
		cfg.Buffer = DefaultBuffer
	}
	if cfg.Ring == 0 {
		cfg.Ring = DefaultRing
	}
	if cfg.Dump == nil {
		cfg.Dump = errNoDump
	}
	if cfg.Coalesce == 0 {
		cfg.Coalesce = DefaultCoalesce
	}
	if cfg.Ring < 4096 || bits.OnesCount(uint(cfg.Ring)) != 1 {
		return fmt.Errorf("ring of %d bytes: must be a power of two and at least 4096", cfg.Ring)
	}
	return nil
}

// WhyNotRing says why Open took the socket with Auto; nil if it took the ring or
// was told what to take.
func WhyNotRing(c Capture) error {
	switch c := c.(type) {
	case *socketCapture:
		if c.notRing != nil {
			return c.notRing
		}
	case *Every:
		if c.notRing != nil {
			return c.notRing
		}
	}
	return nil
}

var _ monitor.Live = (*socketCapture)(nil)
