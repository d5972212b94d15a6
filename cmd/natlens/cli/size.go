package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// parseBytes reads a number of bytes: 212992, 64k, 16M, 16MiB. Units are binary.
func parseBytes(text string) (int, error) {
	n, ok := ParseSize(text, 1<<30)
	if !ok {
		return 0, fmt.Errorf("not a size between 1 and 1GiB, such as 212992, 512KiB or 16MiB")
	}
	return int(n), nil
}

// ParseSize reads a number of bytes between 1 and a limit.
func ParseSize(text string, limit int64) (n int64, ok bool) {
	number := strings.ToUpper(text)
	for _, end := range []string{"IB", "B"} {
		number = strings.TrimSuffix(number, end)
	}
	shift := 0
	if n := len(number); n > 0 {
		if i := strings.IndexByte("KMGT", number[n-1]); i >= 0 {
			shift, number = 10*(i+1), number[:n-1]
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > limit>>shift {
		return 0, false
	}
	return n << shift, true
}

// MaxSize is the largest size that a flag takes for files.
const MaxSize = 1 << 50
