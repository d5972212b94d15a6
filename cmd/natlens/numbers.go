package main

import (
	"fmt"
	"strconv"
)

// bytesText writes a number of bytes with three digits and a binary unit.
func bytesText(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value /= 1024; value < 1024 {
			break
		}
	}
	digits := 2
	if value >= 100 {
		digits = 0
	} else if value >= 10 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %s", digits, value, unit)
}

// grouped writes a number with a comma between thousands.
func grouped(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}

// plural writes a count with its noun.
func plural[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(uint64(n)) + " " + noun + "s"
}

// tellDone says on stderr what was done to how many, behind conntrack(8)'s letters
// in its words.
func tellDone(con console, classic bool, n uint64, noun, done string) {
	switch {
	case !classic:
		fmt.Fprintf(con.Stderr, "natlens: %s %s.\n", plural(n, noun), done)
	case noun == "flow":
		fmt.Fprintf(con.Stderr, "natlens: %d flow entries have been %s.\n", n, done)
	default:
		fmt.Fprintf(con.Stderr, "natlens: %d %ss have been %s.\n", n, noun, done)
	}
}
