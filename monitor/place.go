package monitor

import (
	"strconv"
	"strings"
)

// Place is the country, city and autonomous system of an address. It is looked up in a file, and
// never changed once made. The zero value is an unknown place.
type Place struct {
	Country string // two letters, such as DE; untrusted text; "" unknown
	City    string // in English; untrusted text; "" unknown
	AS      uint32 // number of the autonomous system; 0 unknown
	Org     string // organisation of the autonomous system; untrusted text; "" unknown
}

// String returns the text for people, such as "Berlin, DE, AS3320 Deutsche Telekom AG"; "" for an
// unknown place. Callers escape it.
func (p *Place) String() string {
	var all []string
	for _, part := range []string{p.City, p.Country, p.ASText()} {
		if part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, ", ")
}

// ASText returns the autonomous system with its organisation; "" if it is not known.
func (p *Place) ASText() string {
	if p.AS == 0 {
		return ""
	}
	return strings.TrimSpace("AS" + strconv.FormatUint(uint64(p.AS), 10) + " " + p.Org)
}

// Places returns the place of an address, or nil if it is not known. Several goroutines may call
// it. A nil Places knows none.
type Places func(Addr) *Place

// Of returns the place of an address, which must not be changed.
func (p Places) Of(a Addr) *Place {
	if p != nil {
		if at := p(a); at != nil {
			return at
		}
	}
	return &unknownPlace
}

var unknownPlace Place
