package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"natlens/monitor"
)

// Reader answers questions from a history on disk, also while a Writer is at work
// on it, in this process or another. It may be used from several goroutines.
type Reader struct{ dir string }

// Answer is a translation that was asked for.
type Answer struct {
	Translation
	Side      Side   // by which it was found; tells Inside, Outside and Peer
	Namespace string // that its capture was given
	Live      bool   // open, and capture goes on; an open one that is not Live was so when capture ended
}

// Result is what there is to say about all answers.
type Result struct {
	Answers int
	Gaps    []Gap        // that share a moment with the time that was asked for, in the order of their beginnings
	Began   monitor.Time // the history knows nothing from before
	Ended   monitor.Time // … nor from after; where a writer is at work: its last commit
	Live    bool         // a writer is at work
	Faults  []error      // files that could not be read, each named; what they hold is missing

	// Namespaces are, where Query.Namespace is given and there is no answer, the
	// names that the history knows, sorted: they tell whether that one is among
	// them.
	Namespaces []string
}

// ErrStop ends Find early and well when its callback returns it.
var ErrStop = errors.New("stop")

// Open opens a history for reading. The error is fs.ErrNotExist where there is
// none.
func Open(dir string) (*Reader, error) {
	if !Supported {
		return nil, ErrUnsupported
	}
	_, errCatalog := os.Stat(filepath.Join(dir, catalogName))
	if errCatalog == nil {
		return &Reader{dir}, nil
	}
	if seqs, err := segmentsOn(dir); err == nil && len(seqs) > 0 {
		return &Reader{dir}, nil
	}
	return nil, fmt.Errorf("no history in %s: %w", dir, errCatalog)
}

// Close gives the reader back.
func (r *Reader) Close() error { return nil }

// Find calls fn for every translation that is asked for: the closed ones in the
// order in which they ended, then those that are open. The answer is fn's for the
// call only. An error of fn, and the end of ctx, end it; ErrStop is no error. A
// file that can't be read does not: see Result.Faults.
func (r *Reader) Find(ctx context.Context, q Query, fn func(*Answer) error) (Result, error) {
	f := &find{ctx: ctx, dir: r.dir, q: q, fn: fn}
	// The journal first: what closes meanwhile then stands in a segment as well,
	// and not in neither.
	f.res.Live = locked(r.dir)
	f.readJournal()
	if err := f.readCatalog(); err != nil {
		return f.res, err
	}
	err := f.search()
	if err == nil {
		err = f.answerOpen()
	}
	f.judgeMissing()
	if err == nil && q.Namespace != "" && f.res.Answers == 0 {
		f.nameNamespaces()
	}
	slices.SortFunc(f.res.Gaps, func(a, b Gap) int { return int(min(max(a.From-b.From, -1), 1)) })
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return f.res, err
}

// Span tells from when to when the history knows what happened.
func (r *Reader) Span() (began, ended monitor.Time, err error) {
	if ended, err = lastCommit(r.dir); err != nil {
		return 0, 0, err
	}
	f := &find{dir: r.dir}
	err = f.readCatalog()
	return f.res.Began, ended, err
}

// lastCommit is when the journal was committed last; 0: there is none.
func lastCommit(dir string) (monitor.Time, error) {
	j, err := openJournal(dir)
	if j == nil {
		return 0, err
	}
	defer j.close()
	r, _, ok := j.newest(recordCommitted)
	if !ok {
		return 0, nil
	}
	return r.committed().at, nil
}

// find is one question on its way.
type find struct {
	ctx     context.Context
	dir     string
	q       Query
	fn      func(*Answer) error
	res     Result
	open    map[openKey]Answer // open ones that are asked for, as the journal says
	named   []string           // namespaces that the journal names
	entries []entry
	missing []int64 // segments that were listed and are not there
}

// openKey finds an open flow again that has closed meanwhile.
type openKey struct {
	tuple     monitor.Tuple
	start     monitor.Time
	namespace string
}

func keyOf(a *Answer) openKey { return openKey{a.tuple(), a.Start, a.Namespace} }

// readJournal finds the open flows, and how far the history goes.
func (f *find) readJournal() {
	f.open = map[openKey]Answer{}
	j, err := openJournal(f.dir)
	if j == nil {
		if err == nil {
			err = f.noJournal()
		}
		f.fault(err)
		return
	}
	defer j.close()
	l := newOpenLookup(&f.q, f.res.Live)
	done, bad, err := l.byIndex(j)
	if !done && err == nil {
		l = newOpenLookup(&f.q, f.res.Live)
		bad, err = l.whole(j, 0)
	}
	l.end()
	f.open, f.res.Ended = l.open, l.mark.at
	f.named = slices.Collect(maps.Values(l.names))
	switch path := filepath.Join(f.dir, journalName); {
	case err != nil:
	case l.mark.at == 0 && !f.res.Live:
		err = fmt.Errorf("%s: no record in it is whole", path)
	case bad > 0:
		err = fmt.Errorf("%s: %d records are damaged", path, bad)
	}
	f.fault(err)
}

// noJournal is what is wrong where there is no journal beside segments; nil while a
// writer, who begins with it, is at work.
func (f *find) noJournal() error {
	if seqs, err := segmentsOn(f.dir); f.res.Live || err != nil || len(seqs) == 0 {
		return err
	}
	return fmt.Errorf("%s: there is no such file", filepath.Join(f.dir, journalName))
}

// judgeMissing tells of segments that were listed and are not there, unless retention
// has deleted them meanwhile: that takes them off the list first.
func (f *find) judgeMissing() {
	if len(f.missing) == 0 {
		return
	}
	entries, _, err := loadCatalog(filepath.Join(f.dir, catalogName))
	if err != nil {
		f.fault(err)
		return
	}
	for _, e := range entries {
		if slices.Contains(f.missing, e.seq) {
			f.fault(fmt.Errorf("%s: the file is gone, though the catalog lists it", segmentPath(f.dir, e.seq)))
		}
	}
}

// nameNamespaces lists the namespaces that the journal and the segments name. Files
// that can't be read were told of, or are not asked for.
func (f *find) nameNamespaces() {
	all := f.named
	for i := range f.entries {
		d, err := openSegment(f.dir, &f.entries[i])
		if err != nil {
			continue
		}
		if names, err := readNamespaces(d); err == nil {
			all = slices.AppendSeq(all, maps.Values(names))
		}
		d.close()
	}
	slices.Sort(all)
	f.res.Namespaces = slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" })
}

// fault notes that a file could not be read; nil is none.
func (f *find) fault(err error) {
	if err != nil {
		f.res.Faults = append(f.res.Faults, err)
	}
}

// readCatalog lists the segments. Without a catalog that can be read every file is
// a candidate.
func (f *find) readCatalog() error {
	path := filepath.Join(f.dir, catalogName)
	entries, began, err := loadCatalog(path)
	if err == nil {
		f.entries, f.res.Began = entries, began
		return nil
	}
	f.res.Faults = append(f.res.Faults, err)
	seqs, err := segmentsOn(f.dir)
	for _, seq := range seqs {
		f.entries = append(f.entries, entry{seq: seq})
	}
	return err
}

func loadCatalog(path string) ([]entry, monitor.Time, error) {
	d, err := openLogged(path)
	if err != nil {
		return nil, 0, err
	}
	defer d.close()
	if err := checkVersion(d); err != nil {
		return nil, 0, err
	}
	began, err := readTime(d, beganAt)
	if err != nil {
		return nil, 0, err
	}
	entries, err := readEntries(d)
	return entries, began, err
}

func checkVersion(d *db) error {
	version, err := d.one("PRAGMA user_version")
	if err == nil && version != schemaVersion {
		err = fmt.Errorf("%s: %w: %d", d.path, errNewer, version)
	}
	return err
}

// answerOpen answers with what is open still.
func (f *find) answerOpen() error {
	open := make([]Answer, 0, len(f.open))
	for _, t := range f.open {
		open = append(open, t)
	}
	slices.SortFunc(open, func(a, b Answer) int {
		if a.Start != b.Start {
			return int(min(max(a.Start-b.Start, -1), 1))
		}
		return int(min(max(int64(a.number)-int64(b.number), -1), 1))
	})
	for i := range open {
		if err := f.answer(&open[i]); err != nil {
			return err
		}
	}
	return nil
}

// answer gives an answer that matches to the caller.
func (f *find) answer(a *Answer) error {
	side, ok := f.q.Match(&a.Translation)
	if !ok {
		return nil
	}
	a.Side = side
	if err := f.ctx.Err(); err != nil {
		return err
	}
	f.res.Answers++
	if err := f.fn(a); err != nil {
		return err
	}
	if f.q.Limit > 0 && f.res.Answers >= f.q.Limit {
		return ErrStop
	}
	return nil
}

// openSegment opens the segment for reading. What is complete and one file is
// read without locks.
func openSegment(dir string, e *entry) (*db, error) {
	path := segmentPath(dir, e.seq)
	if err := e.checkSize(path); err != nil {
		return nil, err
	}
	var d *db
	var err error
	if e.state == segmentQuiet {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		abs = filepath.ToSlash(abs)
		if abs[0] != '/' {
			abs = "/" + abs // file:///C:/…
		}
		name := (&url.URL{Scheme: "file", Path: abs, RawQuery: "immutable=1"}).String()
		d, err = openDB(path, name, openRead)
		if err != nil {
			return nil, err
		}
	} else if d, err = openLogged(path); err != nil {
		return nil, err
	}
	if err = checkVersion(d); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// openLogged opens a file that may have a write-ahead log for reading. Where a crash
// left the log, the first to read it must be able to write; SQLite takes what the
// file's permissions allow.
func openLogged(path string) (*db, error) {
	d, err := openDB(path, path, openWrite)
	if err != nil {
		return nil, err
	}
	if err := d.exec("PRAGMA busy_timeout=2000; PRAGMA query_only=1"); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// gone reports whether a segment that was listed is not there.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
