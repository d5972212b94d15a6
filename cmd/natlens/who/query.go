package who

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/translation"
)

// query returns what the options ask for, without time and network namespace.
func (o *options) query() (q translation.Query, err error) {
	if o.addr == "" && o.inside == "" {
		return q, cli.Usagef("who needs an address: ADDR[:PORT], or --inside ADDR[:PORT]")
	}
	q.Limit = o.limit
	for _, end := range []struct {
		flag, text string
		to         *translation.End
	}{{"", o.addr, &q.Outside}, {"--inside ", o.inside, &q.Inside}, {"--dst ", o.peer, &q.Peer}} {
		if end.text == "" {
			continue
		}
		var ok bool
		if *end.to, ok = translation.ParseEnd(end.text); !ok {
			return q, cli.Usagef("%s%s: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443",
				end.flag, end.text)
		}
	}
	q.Proto, err = parseProto(o.proto)
	return q, err
}

// protoWords returns the protocols that have names.
func protoWords() (words []string) {
	for _, p := range monitor.Protos {
		words = append(words, p.Name())
	}
	return words
}

// parseProto reads a protocol, 0 for "".
func parseProto(text string) (monitor.Proto, error) {
	if text == "" {
		return 0, nil
	}
	for _, p := range monitor.Protos {
		if strings.EqualFold(text, p.Name()) {
			return p, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err == nil && n > 0 {
		return monitor.Proto(n), nil
	}
	if near := human.Nearest(text, protoWords()); near != "" {
		return 0, cli.Usagef("--proto %s: not a protocol; did you mean %s?", text, near)
	}
	words := strings.Join(protoWords(), ", ")
	return 0, cli.Usagef("--proto %s: not a protocol: %s, or a number from 1 to 255", text, words)
}

// times are the flags that say which time is asked for.
type times struct{ at, since, until string }

func (t *times) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.at, "at", "", "open at this `time`: "+cli.MomentNowHelp+"; in a recording, before its end")
	f.StringVar(&t.since, "since", "", "open at this `time` or later")
	f.StringVar(&t.until, "until", "", "open at this `time` or earlier")
	for _, name := range []string{"at", "since", "until"} {
		cli.MustComplete(cmd, name, cobra.NoFileCompletions)
	}
}

func (t *times) given() bool { return t.at != "" || t.since != "" || t.until != "" }

func (t *times) check() error {
	if t.at != "" && (t.since != "" || t.until != "") {
		return cli.Usagef("--at is one time: not together with --since or --until")
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
