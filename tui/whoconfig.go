package tui

import "context"

// Asker answers who held an address. Its methods may block and may be called from
// any goroutine; the context ends with the UI, or when nobody wants the answer
// any more.
type Asker interface {
	// Ask answers a question in the words of natlens who: ADDR[:PORT] and flags.
	// The error says what is wrong with the question, or with the world.
	Ask(ctx context.Context, question string) (WhoAnswer, error)

	// Where says where it looks, in a few words.
	Where() string
}

// WhoAnswer is an answer as it is shown. All text may be foreign.
type WhoAnswer struct {
	Heads   []string // of the columns, the most important first
	Rows    []WhoRow
	Verdict []string // lines that say what to make of it
}

// WhoRow is one translation.
type WhoRow struct {
	Cells     []string // a cell a column
	Uncertain bool
}
