package who

import (
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/translation"
)

// times are the flags that say which time is asked for.
type times struct{ at, since, until string }

func (t *times) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.at, "at", "", "open at this `time`: "+cli.MomentNowHelp+" (of a recording: before its end)")
	f.StringVar(&t.since, "since", "", "open at this `time` or later")
	f.StringVar(&t.until, "until", "", "open at this `time` or earlier")
	for _, name := range []string{"at", "since", "until"} {
		cli.MustComplete(cmd, name, cobra.NoFileCompletions)
	}
}

func (t *times) given() bool { return t.at != "" || t.since != "" || t.until != "" }

func (t *times) check() error {
	if t.at != "" && (t.since != "" || t.until != "") {
		return cli.Usagef("--at is one moment: not together with --since or --until")
	}
	return nil
}

// read puts the times into the query.
func (t *times) read(p *place, q *translation.Query) error {
	if !t.given() {
		return nil
	}
	begin, end, help, err := p.span()
	if err != nil {
		return err
	}
	for _, one := range []struct {
		flag, text   string
		since, until *monitor.Time
	}{{"--at", t.at, &q.Since, &q.Until}, {"--since", t.since, &q.Since, nil}, {"--until", t.until, nil, &q.Until}} {
		if one.text == "" {
			continue
		}
		at, long, err := cli.ParseTime(one.text, begin.Time(), end.Time(), time.Local)
		if err != nil {
			return cli.Usagef("%s %s: %w %s", one.flag, one.text, err, help)
		}
		if one.since != nil {
			*one.since = monitor.Time(at.UnixNano())
		}
		if one.until != nil {
			*one.until = monitor.Time(at.Add(long - 1).UnixNano())
		}
	}
	if q.Since != 0 && q.Until != 0 && q.Since > q.Until {
		return cli.Usagef("--since %s is after --until %s", t.since, t.until)
	}
	return nil
}
