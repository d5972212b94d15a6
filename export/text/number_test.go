package text

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"natlens/monitor"
)

// FuzzNumbers holds the appenders to the standard library's.
func FuzzNumbers(f *testing.F) {
	for _, n := range []uint64{0, 9, 10, 99, 100, 65535, 1 << 32, 1<<64 - 1, 999999999} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n uint64) {
		if got, want := string(AppendUint(nil, n)), strconv.FormatUint(n, 10); got != want {
			t.Errorf("appendUint: %s, want %s", got, want)
		}
		var clock RFC3339
		want := time.Unix(0, int64(n)).UTC().Format("2006-01-02T15:04:05.000000000Z")
		for range 2 { // the second from the memory of the first
			if got := string(clock.AppendTo(nil, monitor.Time(n))); got != want {
				t.Errorf("time: %s, want %s", got, want)
			}
		}
	})
}

// FuzzAddr holds the text of addresses to netip's.
func FuzzAddr(f *testing.F) {
	for _, s := range []string{"0.0.0.0", "255.255.255.255", "10.0.7.100", "::", "::1", "1::", "2001:db8::1", "1:0:0:2::3",
		"1:0:2:0:3:0:4:0", "::ffff:1.2.3.4", "::1.2.3.4", "0:0:1:2:3:4:0:0", "1:0:0:2:0:0:3:4", "::ffff:0:1", "1:2:3:4:5:6:7::"} {
		a := monitor.AddrFrom(netip.MustParseAddr(s))
		f.Add(a[:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a monitor.Addr
		copy(a[:], data)
		if got, want := string(AppendAddr(nil, &a, monitor.IPv6)), netip.AddrFrom16(a).String(); got != want {
			t.Errorf("IPv6: %s, want %s", got, want)
		}
		if got, want := string(AppendAddr(nil, &a, monitor.IPv4)), netip.AddrFrom4([4]byte(a[12:])).String(); got != want {
			t.Errorf("IPv4: %s, want %s", got, want)
		}
	})
}
