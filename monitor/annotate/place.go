package annotate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"natlens/monitor"
)

// placeFile is an open file of MaxMind's format.
type placeFile struct {
	path string
	was  fs.FileInfo // when it was opened
	db   *maxminddb.Reader
}

// places looks up addresses in files. An earlier file decides what several contain.
type places struct {
	mu      sync.Mutex // guards all
	files   []placeFile
	known   map[monitor.Addr]*monitor.Place // nil for an address without a place
	checked time.Time                       // when the files were last compared with those on disk
}

// checkEvery is the time between two checks whether a file was replaced.
const checkEvery = 10 * time.Second

// OpenPlaces opens files of MaxMind's format: countries, cities, autonomous systems, or several of
// these. A file that is replaced is opened again; until the new one can be opened, the old one is
// used. Without files it returns nil.
func OpenPlaces(paths []string) (monitor.Places, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	p := &places{known: map[monitor.Addr]*monitor.Place{}, checked: time.Now()}
	for _, path := range paths {
		f, err := openPlaceFile(path)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	return p.of, nil
}

// openPlaceFile opens a file and checks that it has places.
func openPlaceFile(path string) (f placeFile, err error) {
	if f.was, err = os.Stat(path); err != nil {
		return f, err
	}
	f.path = path
	err = guarded(func() error {
		f.db, err = maxminddb.Open(path)
		return err
	})
	if err != nil {
		return f, fmt.Errorf("%s is damaged, or not in MaxMind's format: %w", path, err)
	}
	kind := f.db.Metadata.DatabaseType
	for _, word := range []string{"city", "country", "asn", "isp", "enterprise", "ipinfo", "location"} {
		if strings.Contains(strings.ToLower(kind), word) {
			return f, nil
		}
	}
	return f, errors.Join(fmt.Errorf("%s has the type %s, which has no places; use a City, Country or ASN file", path,
		monitor.Escape(kind)), f.db.Close())
}

// of returns the place of an address.
func (p *places) of(a monitor.Addr) *monitor.Place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.checked) > checkEvery {
		p.refresh()
	}
	place, ok := p.known[a]
	if !ok {
		place = p.find(a)
		if len(p.known) >= maxPlaces {
			clear(p.known)
		}
		p.known[a] = place
	}
	return place
}

// maxPlaces is the maximum number of remembered addresses. When it is reached, all are dropped.
const maxPlaces = 1 << 16

// refresh opens the files that were replaced.
func (p *places) refresh() {
	p.checked = time.Now()
	for i := range p.files {
		f := &p.files[i]
		st, err := os.Stat(f.path)
		if err != nil || os.SameFile(st, f.was) && st.ModTime().Equal(f.was.ModTime()) && st.Size() == f.was.Size() {
			continue
		}
		if fresh, err := openPlaceFile(f.path); err == nil {
			_ = f.db.Close() // it was only read
			*f = fresh
			clear(p.known)
		}
	}
}

// find reads all files. A damaged record is as none.
func (p *places) find(a monitor.Addr) *monitor.Place {
	var at monitor.Place
	for _, f := range p.files {
		_ = guarded(func() error {
			r := f.db.Lookup(a.Netip())
			at.Country = cmp.Or(at.Country, textOf(r, "country", "iso_code"), textOf(r, "country_code"),
				textOf(r, "country"))
			at.City = cmp.Or(at.City, textOf(r, "city", "names", "en"), textOf(r, "city"))
			if at.AS == 0 {
				at.AS = asOf(r)
				at.Org = cmp.Or(textOf(r, "autonomous_system_organization"), textOf(r, "as_name"))
			}
			return r.Err()
		})
	}
	if at == (monitor.Place{}) {
		return nil
	}
	return &at
}

// textOf returns a text of a record; "" if the record has no such text.
func textOf(r maxminddb.Result, path ...any) (text string) {
	if err := r.DecodePath(&text, path...); err != nil || len(text) > maxPlaceText {
		return ""
	}
	return text
}

// maxPlaceText is the longest text that is used, in bytes.
const maxPlaceText = 200

// asOf returns the number of the autonomous system: a number, or a text such as AS3320.
func asOf(r maxminddb.Result) (n uint32) {
	if err := r.DecodePath(&n, "autonomous_system_number"); err != nil || n == 0 {
		v, _ := strconv.ParseUint(strings.TrimPrefix(textOf(r, "asn"), "AS"), 10, 32)
		n = uint32(v)
	}
	return n
}

// guarded calls f. A panic in it is an error, also one because the file was truncated while it is
// mapped to memory.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}
