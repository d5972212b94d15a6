package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/monitor/filter"
	"natlens/monitor/findings"
)

// limitFlags are the limits of findings that a command line sets.
type limitFlags struct {
	set   []string // name=value, as they were given
	given findings.Limits
}

func (l *limitFlags) register(cmd *cobra.Command) {
	l.given = findings.DefaultLimits()
	cmd.Flags().Var(l, "limit", "set a limit of findings, such as syn-unanswered=20; may be given again: `NAME=VALUE`")
	inGroup(cmd.Flags(), groupOutput, "limit")
	mustComplete(cmd, "limit", completeLimit)
}

var _ pflag.Value = (*limitFlags)(nil)

// Set takes one name=value.
func (l *limitFlags) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("a limit is NAME=VALUE, such as syn-unanswered=20")
	}
	err := l.given.Set(name, value)
	if unknown, ok := errors.AsType[findings.UnknownLimitError](err); ok {
		var names []string
		for _, known := range findings.AllLimits() {
			names = append(names, known.Name)
		}
		if near := filter.Nearest(name, names); near != "" {
			return fmt.Errorf("%w; did you mean %s?", unknown, near)
		}
		return fmt.Errorf("%w: it is one of %s", unknown, strings.Join(names, ", "))
	}
	if err != nil {
		return err
	}
	l.set = append(l.set, text)
	return nil
}

// String returns what was set.
func (l *limitFlags) String() string { return strings.Join(l.set, " ") }

// Type is what help calls the value.
func (*limitFlags) Type() string { return "NAME=VALUE" }

// completeLimit offers the names with their defaults.
func completeLimit(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, l := range findings.AllLimits() {
		if strings.HasPrefix(l.Name, typed) {
			all = append(all, cobra.CompletionWithDesc(l.Name+"="+l.Text(l.Default), l.Means))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// findingsConfig says whether a stream tells of findings.
type findingsConfig struct {
	on     bool
	limits limitFlags
}

func (c *findingsConfig) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.on, "findings", false, "tell also what is wrong with the traffic: rules over the flows and the stream, as docs/findings.md lists them")
	inGroup(cmd.Flags(), groupOutput, "findings")
	c.limits.register(cmd)
}

// check refuses what makes no sense together: rules need all that is told of a
// flow.
func (c *findingsConfig) check(remembers bool, all bool) error {
	switch {
	case !c.on && c.limits.set != nil:
		return usagef("--limit goes with --findings")
	case c.on && !(remembers && all):
		return usagef("--findings needs every event of a flow: not with --resync off, nor with -e, which event in a filter does instead")
	}
	return nil
}
