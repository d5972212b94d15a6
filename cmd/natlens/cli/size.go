package cli

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// ParseSize reads a number of bytes between 1 and limit, with SI units (50GB) or binary ones (32MiB).
func ParseSize(text string, limit uint64) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > limit {
		return 0, fmt.Errorf("not a size between 1 and %s, such as 212992, 64kB or 16MiB", humanize.IBytes(limit))
	}
	return int64(n), nil
}

// MaxSize bounds the size of files.
const MaxSize = 1 << 50
