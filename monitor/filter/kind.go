package filter

import (
	"maps"
	"slices"
	"strconv"

	"natlens/monitor"
)

// valueKind is a type of values: how they are written, read and printed. Each field has one.
type valueKind struct {
	noun     string              // "a port", for errors
	examples []string            // example values; nil: the words
	words    []string            // named values that are offered, sorted
	named    map[string]uint64   // values by name, folded
	units    []unit              // units; a value is a sum of numbers with units
	plain    uint64              // unit of a number without one
	bits     []bitWord           // values are sets of bits, written as these words
	format   func(uint64) string // nil: decimal

	nameless bool // numbers are accepted besides the names
	ordered  bool // < and > are allowed
	discrete bool // the order of the numbers means nothing: no ranges
	masked   bool // "& mask" may follow the field
}

var (
	kindNone = &valueKind{} // not written by users
	kindAddr = &valueKind{
		noun: "an address or network", examples: []string{"192.0.2.1", "10.0.0.0/8", "2001:db8::/32"},
	}
	kindNumber = &valueKind{noun: "a number", examples: []string{"1", "1..9"}, nameless: true, ordered: true}
	kindHex    = &valueKind{
		noun: "a number", examples: []string{"0x10", "16"}, nameless: true, ordered: true, masked: true, format: hex,
	}
	kindText  = &valueKind{noun: "a text", examples: []string{"ftp", `"any text"`}}
	kindName  = &valueKind{noun: "a name", examples: []string{"web", "web*", `"any name"`}} // * matches any text
	kindPlace = &valueKind{noun: "a name", examples: []string{"de", "berlin", "3320"}}
	kindLabel = &valueKind{noun: "a label", examples: []string{"5", "{1,5}"}, nameless: true} // names are in Env.Labels
	kindFlag  = &valueKind{noun: "a number", discrete: true}                                  // has no value

	kindPort = &valueKind{
		noun: "a port", examples: []string{"443", "https", "1024..2047", "{80,443}"},
		words: slices.Sorted(maps.Keys(services)), named: folded(services), nameless: true, ordered: true,
	}
	kindProto = &valueKind{
		noun: "a protocol", words: slices.Sorted(maps.Keys(protocols)), named: folded(protocols, rareProtocols),
		nameless: true,
		format:   func(v uint64) string { return monitor.Proto(v).String() },
	}
	kindFamily = oneOf("an address family", monitor.Family.String, []monitor.Family{monitor.IPv4, monitor.IPv6},
		map[string]monitor.Family{"ip": monitor.IPv4, "inet": monitor.IPv4, "ip6": monitor.IPv6, "inet6": monitor.IPv6})
	kindEvent = oneOf("a kind of event", monitor.Kind.String,
		[]monitor.Kind{monitor.KindNew, monitor.KindUpdate, monitor.KindDestroy, monitor.KindExisting,
			monitor.KindInterim},
		map[string]monitor.Kind{"updates": monitor.KindUpdate})
	kindPath = oneOf("a path", monitor.Path.String, []monitor.Path{
		monitor.PathForward, monitor.PathOut, monitor.PathIn, monitor.PathLoop, monitor.PathUnknown}, nil)
	kindRole = oneOf("a role", func(v uint8) string { return [...]string{"client", "server"}[v&1] }, []uint8{0, 1}, nil)

	kindState  = &valueKind{noun: "a state", words: stateWords(), discrete: true} // a name can mean several: stateSet
	kindStatus = &valueKind{
		noun: "a status bit", bits: statusBitWords, nameless: true, discrete: true, masked: true, format: hex,
	}
	kindNAT      = &valueKind{noun: "a kind of NAT", bits: natBitWords, discrete: true}
	kindDuration = &valueKind{
		noun: "a time", examples: []string{"30s", "5m", "1h30m"}, units: durationUnits, plain: second, ordered: true,
		format: formatDuration,
	}
	kindSize = &valueKind{
		noun: "an amount", examples: []string{"1000", "1k", "1M", "1Gi"}, units: sizeUnits, plain: 1, ordered: true,
		format: formatSize,
	}
)

// oneOf returns the kind of values that have names, and perhaps aliases.
func oneOf[T ~uint8](noun string, print func(T) string, values []T, aliases map[string]T) *valueKind {
	k := &valueKind{noun: noun, words: mapped(values, print), named: map[string]uint64{}, discrete: true,
		format: func(v uint64) string { return print(T(v)) }}
	for i, v := range values {
		k.named[fold(k.words[i])] = uint64(v)
	}
	for name, v := range aliases {
		k.named[name] = uint64(v)
	}
	return k
}

// samples returns example values.
func (k *valueKind) samples() []string {
	if k.examples != nil {
		return k.examples
	}
	return k.sorted()
}

// sorted returns the words in alphabetical order.
func (k *valueKind) sorted() []string {
	out := slices.Clone(k.words)
	for _, w := range k.bits {
		if w.op == Eq {
			out = append(out, w.word)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// value prints a number as a value of the kind.
func (k *valueKind) value(v uint64) string {
	if k.format != nil {
		return k.format(v)
	}
	return strconv.FormatUint(v, 10)
}

// printed prints ranges.
func (k *valueKind) printed(set []Range) []string {
	return mapped(set, func(r Range) string {
		if r.Lo == r.Hi {
			return k.value(r.Lo)
		}
		return k.value(r.Lo) + ".." + k.value(r.Hi)
	})
}

func hex(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }

func formatDuration(v uint64) string {
	if v == 0 {
		return "0s"
	}
	var s string
	for _, u := range durationUnits {
		if n := v / u.size; n > 0 {
			s += strconv.FormatUint(n, 10) + u.name
			v %= u.size
		}
	}
	return s
}

func formatSize(v uint64) string {
	for _, u := range sizeUnits[:4] {
		if v != 0 && v%u.size == 0 {
			return strconv.FormatUint(v/u.size, 10) + u.name
		}
	}
	return strconv.FormatUint(v, 10)
}

// stateWords returns the names of all states, folded.
func stateWords() (out []string) {
	for _, p := range monitor.Protos {
		for _, n := range monitor.StateNames(p) {
			out = append(out, fold(n))
		}
	}
	return out
}

// folded merges the maps, with folded names.
func folded(all ...map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for _, m := range all {
		for name, v := range m {
			out[fold(name)] = v
		}
	}
	return out
}

// Durations are counted in nanoseconds.
const second = uint64(1e9)

type unit struct {
	name string
	size uint64
}

var (
	durationUnits = []unit{{"d", 86400 * second}, {"h", 3600 * second}, {"m", 60 * second}, {"s", second},
		{"ms", 1e6}, {"us", 1e3}, {"ns", 1}}
	sizeUnits = []unit{{"T", 1e12}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3},
		{"Ti", 1 << 40}, {"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}}
)

func stateSet(name string) []Range {
	name = fold(name)
	if name == "listen" { // its number means SYN_SENT2 since Linux 2.6.31
		name = "syn_sent2"
	}
	var set []Range
	for _, proto := range monitor.Protos {
		if s, ok := monitor.StateByName(proto, name); ok {
			v := uint64(proto)<<8 | uint64(s)
			set = append(set, Range{v, v})
		}
	}
	return set
}

// bit returns the bitWord of a word.
func (k *valueKind) bit(word string) (w bitWord, ok bool) {
	word = fold(word)
	if other := bitAliases[word]; other != "" {
		word = other
	}
	i := slices.IndexFunc(k.bits, func(w bitWord) bool { return fold(w.word) == word })
	if i < 0 {
		return w, false
	}
	return k.bits[i], true
}
