package history

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"natlens/monitor"
)

// class says how long the flows of a segment lived. Those that lived long stand
// in segments of their own: else the hour-old flow in every segment would make
// every segment one that a question about an hour ago must open.
type class uint8

const (
	shortLives class = iota
	longLives
	classes
)

// longLife is from when on a life is long.
const longLife = monitor.Time(15 * 60 * 1e9)

func classOf(t *Translation) class {
	if t.End-t.Start >= longLife {
		return longLives
	}
	return shortLives
}

// segmentPath is the file of a segment.
func segmentPath(dir string, seq int64) string {
	return filepath.Join(dir, fmt.Sprintf("%08d.sqlite", seq))
}

// insertRows is how many rows one INSERT takes: above this it gets no faster.
const insertRows = 32

// segment is an SQLite file that is being written.
type segment struct {
	d     *db
	seq   int64
	class class
	extent
	opened monitor.Time // when it was made, by the wall clock

	rows, outside, inside insert
	gap, namespace        *stmt
	names                 func(monitor.NetNS) string
	namespaces            map[string]int64 // ids of those that the file names
	keysOut, keysIn       []key
}

// extent is what the catalog knows about the flows and gaps of a segment.
type extent struct {
	flows              int64
	start, until       monitor.Time // earliest start and latest end; only with flows
	gapSince, gapUntil monitor.Time // only with gaps: gapUntil is not 0 then
}

func (x *extent) addFlow(t *Translation) {
	if x.flows == 0 || t.Start < x.start {
		x.start = t.Start
	}
	x.until = max(x.until, t.End)
	x.flows++
}

func (x *extent) addGap(g *Gap) {
	if x.gapUntil == 0 || g.From < x.gapSince {
		x.gapSince = g.From
	}
	x.gapUntil = max(x.gapUntil, g.To)
}

// insert is one INSERT in two sizes: for many rows at once, and for what is left.
type insert struct{ many, one *stmt }

func prepareInsert(d *db, into string, width, rows int) (i insert, err error) {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + ")"
	if i.one, err = d.prepare("INSERT INTO " + into + " VALUES " + row); err != nil {
		return i, err
	}
	i.many, err = d.prepare("INSERT INTO " + into + " VALUES " + strings.TrimSuffix(strings.Repeat(row+",", rows), ","))
	return i, err
}

func (i *insert) close() { i.many.close(); i.one.close() }

// all inserts n rows; bind binds the k-th behind base.
func (i *insert) all(n, rows, width int, bind func(s *stmt, base, k int)) error {
	k := 0
	for ; k+rows <= n; k += rows {
		for j := range rows {
			bind(i.many, j*width, k+j)
		}
		if err := i.many.run(); err != nil {
			return err
		}
	}
	for ; k < n; k++ {
		bind(i.one, 0, k)
		if err := i.one.run(); err != nil {
			return err
		}
	}
	return nil
}

// createSegment makes the file and opens it for writing. A file of that name must
// not exist.
func createSegment(dir string, seq int64, c class, names func(monitor.NetNS) string, now monitor.Time) (*segment, error) {
	path := segmentPath(dir, seq)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	g := &segment{seq: seq, class: c, opened: now, names: names, namespaces: map[string]int64{}}
	if g.d, err = openDB(path, path, openWrite); err != nil {
		return nil, err
	}
	if err = g.prepare(names(0)); err != nil {
		g.abandon()
		return nil, errors.Join(err, os.Remove(path))
	}
	return g, nil
}

func (g *segment) prepare(namespace string) error {
	err := g.d.exec(fmt.Sprintf(`PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;
		PRAGMA wal_autocheckpoint=4000; PRAGMA busy_timeout=1000; BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d; %s
		INSERT INTO meta VALUES ('class', %d);`, applicationID, schemaVersion, segmentSchema, g.class))
	if err != nil {
		return err
	}
	s, err := g.d.prepare("INSERT INTO meta VALUES ('namespace', ?)")
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.bindText(1, namespace); err != nil {
		return err
	}
	if err := s.run(); err != nil {
		return err
	}
	if err := g.d.exec("COMMIT"); err != nil {
		return err
	}
	if g.rows, err = prepareInsert(g.d, "flow("+rowColumns+")", rowWidth, insertRows); err != nil {
		return err
	}
	if g.outside, err = prepareInsert(g.d, "outside", 2, 4*insertRows); err != nil {
		return err
	}
	if g.inside, err = prepareInsert(g.d, "inside", 2, 4*insertRows); err != nil {
		return err
	}
	if g.gap, err = g.d.prepare("INSERT INTO gap VALUES (?,?,?,?,?,?)"); err != nil {
		return err
	}
	g.namespace, err = g.d.prepare("INSERT INTO namespace VALUES (?,?)")
	return err
}

// commit writes closed translations and gaps in one transaction. When it fails
// nothing of them is in the file.
func (g *segment) commit(closed []Translation, gaps []Gap) (err error) {
	if len(closed)+len(gaps) == 0 {
		return nil
	}
	if err := g.d.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	was, named := g.extent, int64(len(g.namespaces))
	if err = g.insert(closed, gaps); err == nil {
		err = g.d.exec("COMMIT")
	}
	if err != nil {
		g.extent = was
		maps.DeleteFunc(g.namespaces, func(_ string, id int64) bool { return id > named })
		// SQLite has rolled back by itself if the disk was full.
		_ = g.d.exec("ROLLBACK")
	}
	return err
}

func (g *segment) insert(closed []Translation, gaps []Gap) error {
	first := g.flows + 1
	if err := g.nameAll(closed, gaps); err != nil {
		return err
	}
	err := g.rows.all(len(closed), insertRows, rowWidth, func(s *stmt, base, k int) {
		bindRow(s, base, first+int64(k), &closed[k], g.namespaceID(closed[k].NetNS))
		g.addFlow(&closed[k])
	})
	if err != nil {
		return err
	}
	g.keysOut, g.keysIn = g.keysOut[:0], g.keysIn[:0]
	for k := range closed {
		g.index(&closed[k], first+int64(k))
	}
	// Sorted, neighbours land on the same page while it is at hand.
	slices.SortFunc(g.keysOut, compareKeys)
	slices.SortFunc(g.keysIn, compareKeys)
	for _, x := range []struct {
		insert *insert
		keys   []key
	}{{&g.outside, g.keysOut}, {&g.inside, g.keysIn}} {
		err := x.insert.all(len(x.keys), 4*insertRows, 2, func(s *stmt, base, k int) {
			x.keys[k].bind(s, base+1)
			s.bindInt(base+2, x.keys[k].flow)
		})
		if err != nil {
			return err
		}
	}
	for i := range gaps {
		if err := g.insertGap(&gaps[i]); err != nil {
			return err
		}
	}
	return nil
}

// nameAll enters the namespaces of flows and gaps that the file does not name yet.
func (g *segment) nameAll(closed []Translation, gaps []Gap) error {
	for i := range closed {
		if err := g.nameOne(closed[i].NetNS); err != nil {
			return err
		}
	}
	for i := range gaps {
		if err := g.nameOne(gaps[i].NetNS); err != nil {
			return err
		}
	}
	return nil
}

func (g *segment) nameOne(n monitor.NetNS) error {
	if n == 0 || g.namespaceID(n) != 0 {
		return nil
	}
	name := g.names(n)
	id := int64(len(g.namespaces) + 1)
	g.namespace.bindInt(1, id)
	if err := g.namespace.bindText(2, name); err != nil {
		return err
	}
	if err := g.namespace.run(); err != nil {
		return err
	}
	g.namespaces[name] = id
	return nil
}

// namespaceID is the namespace's id in the file; 0 is the one of meta.
func (g *segment) namespaceID(n monitor.NetNS) int64 {
	if n == 0 {
		return 0
	}
	return g.namespaces[g.names(n)]
}

// index adds the keys by which the flow is found. Where both sides are rewritten
// there are two of each, unless they are equal.
func (g *segment) index(t *Translation, row int64) {
	for _, s := range [...]Side{SourceSide, DestinationSide} {
		if t.Has(s) {
			g.keysOut = appendKey(g.keysOut, row, t.Outside(s), t.Proto)
			g.keysIn = appendKey(g.keysIn, row, t.Inside(s), t.Proto)
		}
	}
}

func appendKey(keys []key, row int64, p monitor.Endpoint, proto monitor.Proto) []key {
	var k key
	makeKey(&k, row, p, proto)
	if n := len(keys); n > 0 && keys[n-1] == k {
		return keys
	}
	return append(keys, k)
}

func (g *segment) insertGap(gap *Gap) error {
	g.gap.bindInt(1, int64(gap.From))
	g.gap.bindInt(2, int64(gap.To))
	g.gap.bindInt(3, int64(gap.Count))
	g.gap.bindInt(4, int64(bit(gap.AtLeast)))
	g.gap.bindInt(5, int64(gap.Cause))
	bindIf(g.gap, 6, gap.NetNS != 0, g.namespaceID(gap.NetNS))
	g.addGap(gap)
	return g.gap.run()
}

// abandon closes the file as it is.
func (g *segment) abandon() error {
	g.closeStatements()
	return g.d.close()
}

func (g *segment) closeStatements() {
	g.rows.close()
	g.outside.close()
	g.inside.close()
	g.gap.close()
	g.namespace.close()
}

// finish closes the file for good. quiet tells that the file stands alone, without
// a write-ahead log: not while somebody reads it.
func (g *segment) finish() (quiet bool, err error) {
	g.closeStatements()
	quiet, err = quieten(g.d)
	return quiet, errors.Join(err, g.d.close())
}

// quieten moves the write-ahead log into the file and does away with it.
func quieten(d *db) (bool, error) {
	err := d.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE")
	if busy(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s, err := d.prepare("PRAGMA journal_mode")
	if err != nil {
		return false, err
	}
	defer s.close()
	if _, err := s.step(); err != nil {
		return false, err
	}
	return s.text(0) == "delete", nil
}
