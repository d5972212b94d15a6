package main

import (
	"slices"
	"strings"

	"natlens/monitor/filter"
)

// classicLegal are the filter flags that conntrack(8) takes with those of its
// commands that do not filter: {C,S} none, F the family, G and I what makes a
// tuple and more. Of the others [filter.Flag].Legal tells.
var classicLegal = map[byte][]string{
	'G': slices.Concat(classicTuple, []string{"id", "label", "state", "orig-vtag", "reply-vtag"}),
	'I': slices.Concat(classicTuple, []string{"timeout", "status", "mark", "src-nat", "dst-nat", "zone", "orig-zone", "reply-zone",
		"state", "orig-vtag", "reply-vtag"}),
}

var classicTuple = []string{"proto", "orig-src", "orig-dst", "reply-src", "reply-dst", "orig-port-src", "orig-port-dst",
	"reply-port-src", "reply-port-dst", "icmp-type", "icmp-code", "icmp-id", "orig-key-src", "orig-key-dst", "reply-key-src",
	"reply-key-dst"}

// labelMapLegal are conntrack(8)'s commands that take --labelmap.
const labelMapLegal = "LDEU"

// legal reports whether conntrack(8) takes a filter flag with a command.
func legal(letter byte, def *filter.Flag) bool {
	if names, ok := classicLegal[letter]; ok {
		return slices.Contains(names, def.Name)
	}
	return strings.IndexByte(def.Legal, letter) >= 0
}

// allowed refuses a flag that a command has no use for.
func allowed(command, flag string, names []string) error {
	if slices.Contains(names, flag) {
		return nil
	}
	return usagef("--%s says nothing to natlens %s", flag, command)
}
