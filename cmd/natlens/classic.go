package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"natlens/export/conntrack"
	"natlens/monitor/filter"
)

// classicCommands are the commands of natlens by the letter of conntrack(8)'s,
// with its long names, and with flags that make natlens's command the same.
var classicCommands = []struct {
	letter byte
	long   []string
	name   string
	flags  []string
}{
	{'E', []string{"event"}, "watch", nil},
	{'L', []string{"dump"}, "list", nil},
	{'G', []string{"get"}, "get", nil},
	{'D', []string{"delete"}, "delete", nil},
	{'F', []string{"flush"}, "flush", nil},
	{'C', []string{"count", "counter"}, "count", nil},
	{'S', []string{"stats"}, "stats", nil},
	{'I', []string{"create"}, "create", nil},
	{'A', []string{"add"}, "create", []string{"--if-missing"}},
	{'U', []string{"update"}, "update", nil},
}

// classic translates a command line of conntrack(8) into natlens's own; other
// command lines stay as they are, but for optional values of flags, which are
// attached to their flag. Long flags may be cut short, as there.
//
//	-E -p tcp -o id   →   watch --classic -p tcp -o id
func classic(args []string) []string {
	if n := len(args); n > 1 && completes(args) {
		return slices.Concat(args[:1], classic(args[1:n-1]), args[n-1:])
	}
	args = attachLabels(filter.AttachOptional(spellOut(args)))
	for i, arg := range args {
		if arg == "--" {
			break
		}
		for _, c := range classicCommands {
			short := "-" + string(c.letter)
			rest := ""
			switch {
			case arg == short, strings.HasPrefix(arg, "--") && slices.Contains(c.long, arg[2:]):
			case i == 0 && strings.HasPrefix(arg, short):
				rest = "-" + arg[2:] // -Ep tcp
			default:
				continue
			}
			before := args[:i]
			switch {
			case i > 0 && before[0] == c.name:
				before = before[1:] // watch -E
			case i > 0 && !strings.HasPrefix(before[0], "-"):
				continue // a flag of another command
			}
			if i+1 < len(args) && isExpectTable(args[i+1]) && strings.IndexByte(expectLetters, c.letter) >= 0 {
				return slices.Concat([]string{"expect", c.name, "--classic"}, before, args[i+2:])
			}
			out := slices.Concat([]string{c.name, "--classic"}, c.flags, before)
			if rest != "" {
				out = append(out, rest)
			}
			return append(out, args[i+1:]...)
		}
	}
	return args
}

// completes reports whether a shell asks how the last word goes on.
func completes(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// classicRefused names a command of conntrack(8) that natlens has not, a flag that
// it ignores, without the value that it wants, and a value that is empty.
func classicRefused(args []string) error {
	if completes(args) {
		return nil
	}
	args = spellOut(args)
	for _, arg := range args {
		if name, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(name, "--") && isLetter(name[2:]) {
			return usagef("%s takes nothing behind =: %[1]s %s", name, value)
		}
	}
	if n := len(args); n > 0 && slices.Contains(classic(args), "--classic") {
		for i, arg := range args {
			switch name, empty := strings.CutSuffix(arg, "="); {
			case empty && strings.HasPrefix(name, "--"):
				return usagef("%s needs a value", name)
			case arg == "" && i > 0 && isLetter(strings.TrimLeft(args[i-1], "-")):
				return usagef("behind %s stands an empty word, where a table or a filter would", args[i-1])
			case arg == "" && i > 0 && strings.HasPrefix(args[i-1], "-"):
				return usagef("%s needs a value", args[i-1])
			}
		}
		for _, f := range classicIgnored {
			if last := args[n-1]; last == f.short || last == f.long {
				return usagef("%s needs a value", last)
			}
		}
	}
	if len(args) > 0 {
		if name, _, _ := strings.Cut(args[0], "="); strings.HasPrefix(name, "-R") || name == "--load-file" {
			if strings.HasPrefix(name, "-R") {
				name = "-R" // its file may stand right behind
			}
			return refusedLoad(name)
		}
	}
	return nil
}

// refusedLoad says that a flag which loads a file does not here.
func refusedLoad(flag string) error {
	return usagef("%s: natlens runs no list of commands; conntrack %[1]s FILE does, or xargs -L1 natlens < FILE", flag)
}

// attachLabels makes of "--label-del NAME" the one argument "--label-del=NAME":
// its value may be left out, and pflag then knows that form only.
func attachLabels(args []string) (out []string) {
	for i := 0; i < len(args); i++ {
		out = append(out, args[i])
		if args[i] == "--label-del" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			out[len(out)-1] += "=" + args[i]
		}
	}
	return out
}

// isLetter reports whether a flag, without dashes, is a command of conntrack(8).
func isLetter(flag string) bool {
	for _, c := range classicCommands {
		if flag == string(c.letter) || slices.Contains(c.long, flag) {
			return true
		}
	}
	return false
}

// isClassic reports whether the command was called as conntrack(8)'s.
func isClassic(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("classic")
	return err == nil && on
}

// classicTables are the tables of conntrack(8).
var classicTables = []string{"conntrack", "expect", "dying", "unconfirmed"}

// expectLetters are conntrack(8)'s commands that natlens has for expectations.
const expectLetters = "ELGDFCI"

// isExpectTable reports whether a word, which may be cut short, names
// conntrack(8)'s table of expectations, which has commands of its own here.
func isExpectTable(word string) bool { return word != "" && strings.HasPrefix("expect", word) }

// classicTable takes the name of a table off the words, which conntrack(8) wants
// first and which may be cut short, and gives it to the command's flag --table.
func classicTable(cmd *cobra.Command, words []string) ([]string, error) {
	if len(words) == 0 || words[0] == "" || !isClassic(cmd) {
		return words, nil
	}
	for _, table := range classicTables {
		switch {
		case !strings.HasPrefix(table, words[0]):
		case cmd.Flags().Lookup("table") != nil:
			return words[1:], cmd.Flags().Set("table", table)
		case table == "conntrack":
			return words[1:], nil
		default:
			return nil, usagef("table %s: natlens %s knows the table conntrack alone", table, cmd.Name())
		}
	}
	return words, nil
}

// classicFlags refuses the filter flags that conntrack(8) calls illegal with its
// command, if that is how the command was called.
func classicFlags(cmd *cobra.Command, given []filter.FlagValue) error {
	if !isClassic(cmd) {
		return nil
	}
	for _, c := range classicCommands {
		if c.name != cmd.Name() || (c.flags != nil) != cmd.Flags().Changed("if-missing") {
			continue
		}
		if cmd.Flags().Changed("labelmap") && strings.IndexByte(labelMapLegal, c.letter) < 0 {
			return usagef("illegal flag --labelmap with -%c, as in conntrack(8); natlens %s without -%c takes it", c.letter, c.name, c.letter)
		}
		for _, v := range given {
			def, ok := filter.FlagByName(v.Name)
			if ok && def.Name == "event-mask" && c.name != "watch" {
				return usagef("illegal flag --%s with -%c, as in conntrack(8)", def.Name, c.letter)
			}
			if ok && !legal(c.letter, def) {
				return usagef("illegal flag --%s with -%c, as in conntrack(8); natlens %s without -%c takes it", def.Name, c.letter, c.name, c.letter)
			}
		}
		return classicProto(given, c.letter, c.name)
	}
	return nil
}

// classicFormat is the format behind conntrack(8)'s letters, with what its -o
// says. Once it has read the names of labels, as -l and --label-add make it do, it
// tells them, but not in command lines.
func classicFormat(modifiers string, labels bool) string {
	format := "conntrack"
	if modifiers != "" {
		format += "," + modifiers
	}
	if labels && !saves(format) {
		format += ",labels"
	}
	return format
}

// saves reports whether a format is that of command lines.
func saves(format string) bool {
	name, list, _ := strings.Cut(format, ",")
	m, _ := conntrack.ParseModifiers(list) // an error is told where the format is checked
	return name == "conntrack" && m.Save
}

// classicVTag is the verification tag that conntrack(8) means by a number, as
// text; what is no number stays as it is, to be refused.
func classicVTag(text string) string {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return text
	}
	return strconv.FormatUint(uint64(conntrack.SavedVTag(uint32(n))), 10)
}
