package who

import (
	"strconv"
	"strings"

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
