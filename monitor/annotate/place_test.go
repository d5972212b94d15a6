package annotate

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"natlens/monitor"
)

// placeData returns a file of a type, with a record for each network.
func placeData(t testing.TB, kind string, of map[string]mmdbtype.Map) []byte {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range of {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, record); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writePlaces writes a file beside its place and moves it there, as the tools that update such files do.
func writePlaces(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func text(s string) mmdbtype.String { return mmdbtype.String(s) }

func cityOf(country, city string) mmdbtype.Map {
	return mmdbtype.Map{
		"country": mmdbtype.Map{"iso_code": text(country), "names": mmdbtype.Map{"en": text("Some Country")}},
		"city":    mmdbtype.Map{"names": mmdbtype.Map{"de": text("Stadt"), "en": text(city)}},
	}
}

func asnOf(n uint32, org string) mmdbtype.Map {
	return mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(n),
		"autonomous_system_organization": text(org)}
}

func placeText(p monitor.Places, addr string) string {
	return p.Of(monitor.AddrFrom(netip.MustParseAddr(addr))).String()
}

// Several files add up to one place; IPv6 and the format of IPinfo are read too.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	city, asn, info := filepath.Join(dir, "city"), filepath.Join(dir, "asn"), filepath.Join(dir, "info")
	writePlaces(t, city, placeData(t, "GeoLite2-City", map[string]mmdbtype.Map{
		"192.0.2.0/24": cityOf("DE", "Berlin"), "2001:db8::/32": cityOf("FR", "Paris"),
		"198.51.100.0/24": {"country": mmdbtype.Map{"iso_code": text("US")}}}))
	writePlaces(t, asn, placeData(t, "GeoLite2-ASN", map[string]mmdbtype.Map{
		"192.0.2.0/25": asnOf(3320, "Deutsche Telekom AG"), "203.0.113.0/24": asnOf(64500, "")}))
	writePlaces(t, info, placeData(t, "ipinfo lite.mmdb", map[string]mmdbtype.Map{
		"100.64.0.0/10": {"country": text("Spain"), "country_code": text("ES"), "city": text("Madrid"),
			"asn": text("AS64501"), "as_name": text("Example")}}))
	p, err := OpenPlaces([]string{city, asn, info})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"192.0.2.1": "Berlin, DE, AS3320 Deutsche Telekom AG", "192.0.2.200": "Berlin, DE", "2001:db8::1": "Paris, FR",
		"198.51.100.1": "US", "203.0.113.1": "AS64500", "100.64.0.1": "Madrid, ES, AS64501 Example",
		"10.0.0.1": "", "2001:db9::1": "", "::": "",
	} {
		for range 2 { // looked up and remembered
			if got := placeText(p, addr); got != want {
				t.Errorf("%s: %q, want %q", addr, got, want)
			}
		}
	}
	if p, err := OpenPlaces(nil); p != nil || err != nil {
		t.Errorf("no files: %v", err)
	}
}

// A replaced file is read again. A replacement that is damaged, or missing, leaves the old file in use.
func TestPlacesReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city")
	data := func(city string) []byte {
		return placeData(t, "City", map[string]mmdbtype.Map{"192.0.2.0/24": cityOf("DE", city)})
	}
	writePlaces(t, path, data("Berlin"))
	f, err := openPlaceFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &places{files: []placeFile{f}, known: map[monitor.Addr]*monitor.Place{}}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "Berlin, DE"},
		{func() { writePlaces(t, path, data("Bonn")) }, "Bonn, DE"},
		{func() { writePlaces(t, path, data("Potsdam")[:200]) }, "Bonn, DE"},
		{func() { os.Remove(path) }, "Bonn, DE"},
		{func() { writePlaces(t, path, data("Mainz")) }, "Mainz, DE"},
	} {
		step.do()
		p.checked = p.checked.Add(-checkEvery)
		if got := placeText(p.of, "192.0.2.7"); got != step.want {
			t.Errorf("%s, want %s", got, step.want)
		}
	}
}

// A file that is truncated while it is in use does not end the program.
func TestPlacesTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city")
	record := map[string]mmdbtype.Map{}
	for i := range 256 {
		n := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(i), 0}), 24)
		record[n.String()] = cityOf("DE", "Berlin"+strings.Repeat("x", i))
	}
	writePlaces(t, path, placeData(t, "City", record))
	p, err := OpenPlaces([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := placeText(p, "192.0.200.1"); got != "" {
		t.Error(got)
	}
}

// A file that cannot be used is one clear line.
func TestPlacesRefused(t *testing.T) {
	dir := t.TempDir()
	good := placeData(t, "GeoLite2-City", map[string]mmdbtype.Map{"192.0.2.0/24": cityOf("DE", "Berlin")})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"cut":   {good[:len(good)/2], "is damaged, or not in MaxMind's format: "},
		"empty": {nil, "is damaged, or not in MaxMind's format: "},
		"other": {placeData(t, "GeoIP2-Anonymous-IP\n", nil),
			`has the type GeoIP2-Anonymous-IP\n, which has no places; use a City, Country or ASN file`},
	} {
		path := filepath.Join(dir, name)
		writePlaces(t, path, c.data)
		_, err := OpenPlaces([]string{path})
		if err == nil || !strings.HasPrefix(err.Error(), path+" "+c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenPlaces([]string{filepath.Join(dir, "none")}); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// No file makes the reader panic or return a text that is too long.
func FuzzPlaces(f *testing.F) {
	f.Add(placeData(f, "GeoLite2-City", map[string]mmdbtype.Map{"192.0.2.0/24": cityOf("DE", "Berlin")}))
	f.Add(placeData(f, "GeoLite2-ASN", map[string]mmdbtype.Map{"192.0.2.0/24": asnOf(3320, "Deutsche Telekom AG")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := OpenPlaces([]string{path})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		for _, addr := range []string{"192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1"} {
			if at := p(monitor.AddrFrom(netip.MustParseAddr(addr))); at != nil &&
				max(len(at.Country), len(at.City), len(at.Org)) > maxPlaceText {
				t.Errorf("%v", at)
			}
		}
	})
}
