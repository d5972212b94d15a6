package main

import (
	"fmt"

	"natlens/monitor/human"
)

// tellDone says on stderr what was done to how many, behind conntrack(8)'s letters
// in its words.
func tellDone(con console, classic bool, n uint64, noun, done string) {
	switch {
	case !classic:
		fmt.Fprintf(con.Stderr, "natlens: %s %s.\n", human.Plural(n, noun), done)
	case noun == "flow":
		fmt.Fprintf(con.Stderr, "natlens: %d flow entries have been %s.\n", n, done)
	default:
		fmt.Fprintf(con.Stderr, "natlens: %d %ss have been %s.\n", n, noun, done)
	}
}
