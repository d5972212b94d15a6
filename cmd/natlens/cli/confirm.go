package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"natlens/monitor/human"
)

// ConfirmFlags say whether to ask before something is changed.
type ConfirmFlags struct {
	Yes    bool
	DryRun bool
}

// Register adds --yes and --dry-run.
func (c *ConfirmFlags) Register(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.Yes, "yes", "y", false, "do it without asking")
	cmd.Flags().BoolVar(&c.DryRun, "dry-run", false, "print what would be done, and change nothing")
}

// Check rejects flags that contradict each other, and a question without a terminal.
func (c *ConfirmFlags) Check(con Console, cmd string) error {
	if c.Yes && c.DryRun {
		return Usagef("--yes and --dry-run contradict each other")
	}
	if !c.Yes && !c.DryRun && !con.canAsk() {
		return Usagef("%s asks first, and there is no terminal to ask on: use --yes to skip the question, or "+
			"--dry-run to see what it would do", cmd)
	}
	return nil
}

// Allow reports whether to do something: with --yes, or if the user answers yes. With --dry-run
// it prints what would be done. For another answer it returns an error that nothing was done.
func (c *ConfirmFlags) Allow(ctx context.Context, con Console, question, would, done string) (bool, error) {
	switch {
	case c.Yes:
		return true, nil
	case c.DryRun:
		fmt.Fprintf(con.Stderr, "natlens: %s\n", would)
		return false, nil
	case !con.Ask(ctx, question):
		return false, errors.New("nothing was " + done)
	}
	return true, nil
}

// Empty deletes the n entries of a table, if the user allows it.
func (c *ConfirmFlags) Empty(ctx context.Context, con Console, n int, entry, table string,
	flush func(context.Context) error) error {
	all := human.Plural(n, entry)
	ok, err := c.Allow(ctx, con, "delete all "+all+"?", all+" would be deleted.", "deleted")
	if !ok || err != nil {
		return err
	}
	if err = flush(ctx); err == nil {
		fmt.Fprintf(con.Stderr, "natlens: %s table has been emptied.\n", table)
	}
	return err
}

// canAsk reports whether a user can see the question and answer it.
func (c Console) canAsk() bool {
	if c.Answers != nil {
		return true
	}
	f, ok := c.Stdin.(*os.File)
	_, seen := Terminal(c.Stderr)
	return ok && seen && term.IsTerminal(f.Fd())
}

// Ask asks on standard error and reports whether the answer is yes. If ctx ends, the answer is
// no.
func (c Console) Ask(ctx context.Context, question string) bool {
	fmt.Fprintf(c.Stderr, "%s [y/N] ", question)
	in := c.Stdin
	if c.Answers != nil {
		in = c.Answers
	}
	// Reading from a terminal cannot be cancelled: it ends with the process.
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n') // a line without an end is an answer too
		answer <- line
	}()
	line := ""
	select {
	case line = <-answer:
	case <-ctx.Done():
	}
	if !strings.HasSuffix(line, "\n") {
		fmt.Fprintln(c.Stderr)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return ctx.Err() == nil
	}
	return false
}
