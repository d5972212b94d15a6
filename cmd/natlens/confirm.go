package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
)

// confirmConfig is about asking before the kernel is changed.
type confirmConfig struct {
	yes    bool
	dryRun bool
}

func (c *confirmConfig) register(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "do it without asking")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "only say what would be done")
}

// check refuses, before anything is read, what could not be asked.
func (c *confirmConfig) check(con console, cmd string) error {
	if c.yes && c.dryRun {
		return usagef("--yes and --dry-run contradict each other")
	}
	if !c.yes && !c.dryRun && !con.canAsk() {
		return usagef("%s asks first, and there is no terminal to ask on: --yes does it without, --dry-run only says what would be done", cmd)
	}
	return nil
}

// canAsk reports whether somebody sees the question and can answer.
func (c console) canAsk() bool {
	if c.Answers != nil {
		return true
	}
	f, ok := c.Stdin.(*os.File)
	_, seen := terminal(c.Stderr)
	return ok && seen && term.IsTerminal(f.Fd())
}

// ask asks on stderr and reports whether the answer is yes. Nothing else than a
// yes is one; the end of ctx is a no.
func (c console) ask(ctx context.Context, question string) bool {
	fmt.Fprintf(c.Stderr, "%s [y/N] ", question)
	in := c.Stdin
	if c.Answers != nil {
		in = c.Answers
	}
	// A read of a terminal can't be called off: it ends with the process.
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n') // what ends without one is an answer too
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
