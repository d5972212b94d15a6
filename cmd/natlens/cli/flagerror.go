package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/monitor/human"
)

// FlagError is the usage error for what pflag reports.
func FlagError(cmd *cobra.Command, err error) error {
	see := "; see " + cmd.CommandPath() + " --help"
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e, see)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return Usagef("%s needs a value: %s", dashed(e.GetSpecifiedName()), valueName(e.GetFlag()))
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok && e.GetValue() == "" {
		return Usagef("--%s needs a value: %s", e.GetFlag().Name, valueName(e.GetFlag()))
	} else if ok {
		return Usagef("--%s %s: %s%s", e.GetFlag().Name, e.GetValue(), wrongValue(e), see)
	}
	return Usagef("%w%s", err, see)
}

// unknownFlag suggests the flag that was probably meant.
func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError, see string) error {
	word := e.GetSpecifiedName()
	if group := e.GetSpecifiedShortnames(); len(group) > 1 {
		return Usagef("unknown flag -%s in -%s%s", word[:1], group, see)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := human.Nearest(word, names); near != "" {
		return Usagef("unknown flag %s: did you mean --%s?", dashed(word), near)
	}
	return Usagef("unknown flag %s%s", dashed(word), see)
}

// dashed is a flag as users type it.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// valueName is the name of a flag's value in help.
func valueName(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	return name
}

// wrongValue says which values a flag of that type accepts.
func wrongValue(e *pflag.InvalidValueError) string {
	switch e.GetFlag().Value.Type() {
	case "duration":
		return "not a time such as 10s or 5m"
	case "uint64", "int":
		return "not a whole number"
	case "bool":
		return "not true or false"
	}
	return strings.TrimSpace(e.Unwrap().Error())
}
