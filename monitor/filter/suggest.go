package filter

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"natlens/monitor/human"
)

// rewrite is text that is no filter, and what it may mean. The first meaning that is a filter is suggested.
type rewrite struct {
	wrong    *regexp.Regexp // begins at a token
	meanings []string       // with the groups of wrong
	msg      string         // of the error; "": as it is
}

// foreign are words of tcpdump, Wireshark, nft and of flow logs, with what natlens calls them.
var foreign = [][2]string{
	{"icmp6", "icmpv6"}, {`protocol|l4proto|ip\.proto`, "proto"}, {"greater", "bytes >"}, {"less", "bytes <"},
	{`ip(?:v6)?\.addr`, "host"}, {`ip\.(src|dst)_host`, "$1"}, {`ip(?:v6)?\.(src|dst)`, "$1"},
	{`(src|dst)(?:[_.]?ip|_?addr)`, "$1"}, {"saddr", "src"}, {"daddr", "dst"},
	{`src[_.]?port`, "sport"}, {`dst[_.]?port`, "dport"}, {`(tcp|udp|sctp)\.port`, "$1 port"},
	{`(tcp|udp|sctp)\.srcport`, "$1 sport"}, {`(tcp|udp|sctp)\.dstport`, "$1 dport"},
}

// sides are the fields of an address and of its port, with the words that may be either.
var sides = [][3]string{
	{"host", "port", "host|net|portrange|port"},
	{"src", "sport", `(?:orig\.)?(?:src(?: (?:host|net|portrange|port))?|sport)`},
	{"dst", "dport", `(?:orig\.)?(?:dst(?: (?:host|net|portrange|port))?|dport)`},
	{"reply.src", "reply.sport", `reply\.s(?:rc|port)`}, {"reply.dst", "reply.dport", `reply\.d(?:st|port)`},
	{"nat.src", "nat.sport", `nat\.s(?:rc|port)`}, {"nat.dst", "nat.dport", `nat\.d(?:st|port)`},
}

// rewrites are compiled at the first error.
var rewrites = sync.OnceValue(func() (all []rewrite) {
	add := func(msg, wrong string, meanings ...string) {
		all = append(all, rewrite{regexp.MustCompile("^(?i:" + wrong + ")"), meanings, msg})
	}
	const (
		value = `([^\s(){},]+)`
		tail  = `\s*(?:[=!<>]=?|in\b)?\s*(?:\{[^}]*\}|[^\s(){},=!<>&|]+)` // an operator and a value
	)
	const shared, either = "each field needs a value", `(?:src or dst|dst or src|sport or dport|dport or sport) `
	add(shared, either+`(\S+/\d+)`, "net $1")
	add(shared, either+`(?:(host|net|portrange|port) )?`+value, "$1 $2", "host $2", "port $2")
	add(shared, value+` (and|or|&&|\|\|) `+value+` ((?:host|net|portrange|port) )?`+value, "$1 $4$5 $2 $3 $4$5")
	for _, s := range sides {
		add("", "(?:"+s[2]+`)(?: ?==?)? ?\[?([\da-f:.]+?)\]?:(\d+)`, s[0]+" $1 "+s[1]+" $2")
		add("", "(?:"+s[2]+")(?: ?==?)? "+value, s[0]+" $1", s[1]+" $1")
	}
	for _, f := range foreign {
		add("", "(?:"+f[0]+")(?P<tail>"+tail+")", f[1]+"${tail}")
		add("", f[0], f[1])
	}
	add("", `([^\s:]+):`+value, "$1 $2", "$1 port $2", "port $2")
	add("", `([^\s/]+)/`+value, "$1 port $2", "$2 port $1")
	add("", value+` ?, ?`+value, "$1 or $2")
	return all
})

// rewrite suggests what the text around a wrong token may mean. It returns false if it finds nothing.
func (p *parser) rewrite(err *Error, t token) bool {
	const before = 3 // the most tokens of a rewrite before the wrong one
	at := slices.IndexFunc(p.tokens, func(o token) bool { return o.end >= t.end })
	for _, first := range p.tokens[max(0, at-before) : at+1] {
		text := p.text[first.pos:]
		for _, r := range rewrites() {
			m := r.wrong.FindStringSubmatchIndex(text)
			if m == nil || first.pos+m[1] < t.end {
				continue
			}
			for _, meaning := range r.meanings {
				filter := string(r.wrong.ExpandString(nil, meaning, text, m))
				if p.suggest(err, token{pos: first.pos, end: first.pos + m[1]}, filter) {
					if r.msg != "" {
						err.Msg = r.msg
					}
					return true
				}
			}
		}
	}
	return false
}

// suggest suggests a text in place of whole, and makes the error cover that, if the text is a filter.
func (p *parser) suggest(err *Error, whole token, text string) bool {
	env := p.env
	env.terse = true
	if p.env.terse {
		return false
	} else if _, wrong := env.Parse(text); wrong != nil {
		return false
	}
	*err = *newError(p.text, whole.pos, whole.end, err.Msg)
	err.Suggestion = strings.TrimSpace(text)
	return true
}

// unknown returns the error of an unknown word.
func (p *parser) unknown(t token) *Error {
	err := p.fail(t, "unknown word")
	if c := t.text[0]; isDigit(c) || strings.Contains(t.text, ":") {
		err.Msg = "not an address, a network or a port"
	}
	if p.suggestFlag(err, t) || p.rewrite(err, t) {
		return err
	}
	words := termWords
	if p.at > 1 {
		words = append([]string{"and", "or"}, termWords...)
	}
	if err.Suggestion = human.Nearest(t.text, words); err.Suggestion == "" && err.Msg == "unknown word" {
		p.suggest(err, t, Match{Text: t.text}.String())
	}
	return err
}

// suggestFlag suggests the condition of a flag of conntrack(8): -p tcp, --dport 443. It returns true also for a letter,
// which resembles no word.
func (p *parser) suggestFlag(err *Error, t token) bool {
	name, value, attached := SplitFlag(t.text)
	if _, ok := FlagByName(name); !ok {
		return false
	}
	for i := p.at; !attached && i < len(p.tokens)-1 && i < p.at+2; i++ { // --dport 443, --dport=443
		if value = p.tokens[i].text; p.tokens[i].kind == tokAtom {
			t.end = p.tokens[i].end
			break
		}
	}
	sel, wrong := Env{}.FromFlags([]FlagValue{{name, value}})
	return wrong == nil && sel.Kinds == 0 && p.suggest(err, t, sel.Expr.String()) || len(name) == 1
}
