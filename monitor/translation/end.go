package translation

import (
	"net/netip"
	"strconv"
	"strings"

	"natlens/monitor"
)

// End is an address with a port, an ICMP id or a GRE key. In a [Query] the zero
// value means any.
type End struct {
	Addr    monitor.Addr // in a query, zero means any address
	Port    uint16       // only with HasPort
	HasPort bool         // false: the protocol has no port here; in a query, any port
}

// Any reports whether the end excludes nothing.
func (e End) Any() bool { return e == End{} }

// match reports whether an end of a translation is wanted.
func (e End) match(is End) bool {
	return (!e.HasPort || is.HasPort && e.Port == is.Port) && (e.Addr == monitor.Addr{} || e.Addr == is.Addr)
}

// String returns ADDR, ADDR:PORT or [ADDR]:PORT.
func (e End) String() string {
	switch {
	case !e.HasPort:
		return e.Addr.String()
	case e.Addr.Is4():
		return e.Addr.String() + ":" + strconv.Itoa(int(e.Port))
	}
	return "[" + e.Addr.String() + "]:" + strconv.Itoa(int(e.Port))
}

// ParseEnd reads ADDR, [ADDR], ADDR:PORT or [ADDR]:PORT. Scoped addresses are
// rejected.
func ParseEnd(text string) (End, bool) {
	bare, bracket := strings.CutPrefix(text, "[")
	if bracket {
		bare, bracket = strings.CutSuffix(bare, "]")
	}
	if addr, err := netip.ParseAddr(bare); err == nil && bracket == strings.HasPrefix(text, "[") {
		return End{Addr: monitor.AddrFrom(addr)}, addr.Zone() == ""
	}
	both, err := netip.ParseAddrPort(text)
	if err != nil || both.Addr().Zone() != "" {
		return End{}, false
	}
	return End{monitor.AddrFrom(both.Addr()), both.Port(), true}, true
}
