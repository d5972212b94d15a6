// Package classic translates the command lines of conntrack(8) into natlens's own:
//
//	-E -p tcp -o id   →   watch --raw --quiet --summary -o conntrack,id -p tcp
//	-D expect …       →   expect delete --summary …
//
// Valid command lines of conntrack(8) then print the same bytes and end with the same exit code.
// Invalid ones get natlens's own error, or are accepted if natlens can read them.
package classic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/export/conntrack"
	"natlens/monitor"
	"natlens/monitor/filter"
)

// Command is one of conntrack(8)'s commands.
type Command struct {
	Letter byte
	Long   []string
	Name   string // natlens's command
	Expect bool   // natlens expect Name is the same for the table of expectations

	options []string // options of natlens's command with the same effect
	prints  bool     // it prints entries, in the format of -o
}

// Commands are all of them, in the order of help.
var Commands = []Command{
	{'E', []string{"event"}, "watch", true, []string{"--raw", "--quiet", "--summary"}, true},
	{'L', []string{"dump"}, "list", true, []string{"--summary"}, true},
	{'G', []string{"get"}, "get", true, []string{"--summary"}, true},
	{'D', []string{"delete"}, "delete", true, []string{"--yes", "--summary", "--all"}, true},
	{'F', []string{"flush"}, "flush", true, []string{"--yes"}, false},
	{'C', []string{"count", "counter"}, "count", true, nil, false},
	{'S', []string{"stats"}, "stats", false, nil, true},
	{'I', []string{"create"}, "create", true, []string{"--summary"}, false},
	{'A', []string{"add"}, "create", false, []string{"--if-missing", "--summary"}, false},
	{'U', []string{"update"}, "update", false, []string{"--yes", "--summary", "--keep-going"}, true},
}

// expectOptions are the options of natlens expect, by the name of the command.
var expectOptions = map[string][]string{
	"watch": {"--summary"}, "list": {"--summary"}, "delete": {"--summary"}, "create": {"--summary"}, "flush": {"--yes"},
}

// line is a command line that is being translated.
type line struct {
	command  *Command
	expect   bool
	before   []string // the words before the command
	rest     []string // the words after the command and its table
	table    string   // of list and stats, "" for conntrack
	modified []string // the values of -o
	labels   bool     // print labels
	ignored  []string
}

// Translate returns natlens's command line. If args is not a command line of conntrack(8), it
// returns args with optional values attached to their flags. ignored are flags that
// conntrack(8) accepts without an effect, with the reason.
func Translate(args []string) (out, ignored []string, err error) {
	args = attached(args)
	l := find(args)
	switch {
	case l == nil && len(args) > 0 && strings.HasPrefix(args[0], "-R"):
		return nil, nil, errLoads("-R")
	case l == nil && len(args) > 0 && strings.HasPrefix(args[0], "--load-file"):
		return nil, nil, errLoads("--load-file")
	case l == nil && len(args) > 1 && args[0] == "conntrack" && find(args[1:]) != nil:
		return nil, nil, cli.Usagef("use conntrack(8)'s letters without the word conntrack: %s",
			monitor.ShellLine(append([]string{"natlens"}, args[1:]...)...))
	case l == nil:
		return args, nil, nil
	}
	if err := l.readTable(); err != nil {
		return nil, nil, err
	}
	flags := l.flags(slices.Concat(l.before, l.rest))
	return append(l.head(), flags...), l.ignored, nil
}

func errLoads(flag string) error {
	return cli.Usagef("%s: natlens does not read files of commands; use conntrack %[1]s FILE, "+
		"or xargs -L1 natlens < FILE", flag)
}

// attached attaches optional values to their flags, because pflag reads only this form: "-n
// ADDR" becomes "--src-nat=ADDR".
func attached(args []string) (out []string) {
	args = filter.AttachOptional(args)
	for i := 0; i < len(args); i++ {
		out = append(out, args[i])
		if args[i] == "--label-del" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			out[len(out)-1] += "=" + args[i]
		}
	}
	return out
}

// find returns conntrack(8)'s command in a command line that begins with a flag, or nil.
func find(args []string) *line {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return nil
	}
	for i, arg := range args {
		if arg == "--" {
			return nil
		}
		before := slices.Clone(args[:i])
		for strings.HasPrefix(arg, "-z") && len(arg) > 2 {
			before, arg = append(before, "-z"), "-"+arg[2:]
		}
		for c := range Commands {
			command, rest := &Commands[c], args[i+1:]
			group, isLetter := strings.CutPrefix(arg, "-"+string(command.Letter))
			switch {
			case strings.HasPrefix(arg, "--") && slices.Contains(command.Long, arg[2:]):
			case isLetter && group != "": // -Ep tcp
				rest = slices.Concat([]string{"-" + group}, rest)
			case !isLetter:
				continue
			}
			return &line{command: command, before: before, rest: rest}
		}
	}
	return nil
}

// tables are conntrack(8)'s.
var tables = []string{"conntrack", "expect", "dying", "unconfirmed"}

// readTable removes the name of a table, which may be abbreviated, from the words after the command.
func (l *line) readTable() error {
	if len(l.rest) == 0 || l.rest[0] == "" {
		return nil
	}
	i := slices.IndexFunc(tables, func(t string) bool { return strings.HasPrefix(t, l.rest[0]) })
	if i < 0 {
		return nil // a filter
	}
	switch table := tables[i]; {
	case !l.command.has(table):
		return cli.Usagef("-%c %s: natlens %s has the table conntrack only", l.command.Letter, table, l.command.Name)
	case table == "expect" && l.command.Expect:
		l.expect = true
	case table != "conntrack":
		l.table = table
	}
	l.rest = l.rest[1:]
	return nil
}

// has reports whether natlens has the command for a table.
func (c *Command) has(table string) bool {
	switch table {
	case "conntrack":
		return true
	case "expect":
		return c.Expect || c.Letter == 'S'
	}
	return c.Letter == 'L'
}

// head returns the command with the options that give it the same effect. Call it after flags.
func (l *line) head() (out []string) {
	c := l.command
	options := c.options
	if l.expect {
		out, options = append(out, "expect"), expectOptions[c.Name]
	}
	out = append(out, c.Name)
	for _, o := range options {
		if o != "--summary" || !slices.Contains(l.rest, "--quiet") {
			out = append(out, o)
		}
	}
	if l.table != "" {
		out = append(out, "--table="+l.table)
	}
	if c.prints && !(l.expect && c.Letter == 'D') || l.modified != nil {
		out = append(out, "-o", l.format())
	}
	return out
}

// format returns natlens's format with the modifiers of -o. If conntrack(8) has read the names
// of labels, for -l or --label-add, it prints them, but not in command lines.
func (l *line) format() string {
	modifiers := strings.Join(l.modified, ",")
	m, _ := conntrack.ParseModifiers(modifiers) // the command reports an error
	if l.labels && !m.Save && strings.IndexByte("ELGU", l.command.Letter) >= 0 {
		modifiers = strings.TrimPrefix(modifiers+",labels", ",")
	}
	return strings.TrimSuffix("conntrack,"+modifiers, ",")
}

// flags translates the flags of the command.
func (l *line) flags(args []string) (out []string) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		for strings.HasPrefix(arg, "-z") && len(arg) > 2 {
			out, arg = append(out, "-z"), "-"+arg[2:]
		}
		name, value, attached := filter.SplitFlag(arg)
		next := func() string { // the value, which may be the next argument
			if !attached && i+1 < len(args) {
				i++
				return args[i]
			}
			return value
		}
		def, isFilter := filter.FlagByName(name)
		switch {
		case (name == "o" || name == "output") && (attached || i+1 < len(args)):
			l.modified = append(l.modified, next())
		case l.ignores(name) && (attached || i+1 < len(args)):
			next()
		case isFilter && strings.HasSuffix(def.Name, "-vtag") && (attached || i+1 < len(args)):
			out = append(out, "--"+name+"="+savedVTag(next()))
		default:
			l.labels = l.labels || isFilter && def.Name == "label" || strings.HasPrefix(name, "label-")
			out = append(out, arg)
			if isFilter && !attached && !def.Optional() && i+1 < len(args) {
				out = append(out, next())
			}
		}
	}
	return out
}

// ignores reports whether conntrack(8) accepts a flag with a value and ignores it, and adds the
// reason to ignored.
func (l *line) ignores(name string) bool {
	note := ""
	def, isFilter := filter.FlagByName(name)
	switch {
	case name == "a" || name == "nat-range":
		note = "--nat-range is ignored: conntrack(8) does nothing with it"
	case (name == "c" || name == "secmark") && (l.command.Letter == 'L' || l.command.Letter == 'E'):
		note = "--secmark is ignored: conntrack(8) does nothing with it"
	case !l.expect || !isFilter || strings.IndexByte("GDI", l.command.Letter) < 0:
		return false
	case def.Name == "status", def.Name == "reply-src", def.Name == "reply-dst":
		note = fmt.Sprintf("--%s is ignored: an expectation has no status, and is found by the original direction",
			def.Name)
	case strings.HasPrefix(def.Name, "reply-"): // required by conntrack(8)
		return true
	default:
		return false
	}
	l.ignored = append(l.ignored, note)
	return true
}

// savedVTag returns the verification tag that conntrack(8) means by a number. Invalid text
// stays, so that the command reports it.
func savedVTag(text string) string {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return text
	}
	return strconv.FormatUint(uint64(conntrack.SavedVTag(uint32(n))), 10)
}
