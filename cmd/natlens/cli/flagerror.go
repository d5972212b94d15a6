package cli

import (
	"cmp"
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
		value, _ := pflag.UnquoteUsage(e.GetFlag())
		return Usagef("%s needs a value: %s", dashed(e.GetSpecifiedName()), value)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		name := e.GetFlag().Name
		if value, _ := pflag.UnquoteUsage(e.GetFlag()); e.GetValue() == "" {
			return Usagef("--%s needs a value: %s", name, value)
		}
		wrong := map[string]string{"duration": "not a time such as 10s or 5m", "uint64": "not a whole number",
			"int": "not a whole number", "bool": "not true or false"}[e.GetFlag().Value.Type()]
		return Usagef("--%s %s: %s%s", name, e.GetValue(), cmp.Or(wrong, strings.TrimSpace(e.Unwrap().Error())), see)
	}
	return Usagef("%w%s", err, see)
}

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

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
