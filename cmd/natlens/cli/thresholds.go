package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/monitor/filter"
	"natlens/monitor/findings"
)

// ThresholdFlags are the limits of findings that a command line sets.
type ThresholdFlags struct {
	Texts  []string // name=value, as they were given
	Limits findings.Limits
}

func (l *ThresholdFlags) Register(cmd *cobra.Command) {
	l.Limits = findings.DefaultLimits()
	cmd.Flags().Var(l, "limit", "set a limit of findings, such as syn-unanswered=20; may be given again: `NAME=VALUE`")
	InGroup(cmd.Flags(), GroupOutput, "limit")
	MustComplete(cmd, "limit", completeLimit)
}

var _ pflag.Value = (*ThresholdFlags)(nil)

// Set takes one name=value.
func (l *ThresholdFlags) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("a limit is NAME=VALUE, such as syn-unanswered=20")
	}
	err := l.Limits.Set(name, value)
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
	l.Texts = append(l.Texts, text)
	return nil
}

// String returns what was set.
func (l *ThresholdFlags) String() string { return strings.Join(l.Texts, " ") }

// Type is what help calls the value.
func (*ThresholdFlags) Type() string { return "NAME=VALUE" }

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
