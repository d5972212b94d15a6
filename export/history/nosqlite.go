//go:build !((linux && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x)) || (darwin && (amd64 || arm64)) || (windows && (386 || amd64 || arm64)) || (freebsd && (amd64 || arm64)) || (netbsd && amd64) || (openbsd && (amd64 || arm64)))

package history

// Supported says whether there is SQLite for this platform, and so a Writer and
// a Reader that work.
const Supported = false

// What stands for SQLite where there is none: nothing opens.
type (
	db   struct{ path string }
	stmt struct{ d *db }
)

const (
	openRead = iota
	openWrite
	openCreate
)

const (
	columnNull = iota
	columnBlob
)

func full(error) bool { return false }
func busy(error) bool { return false }

func openDB(string, string, int32) (*db, error) { return nil, ErrUnsupported }

func (*db) close() error                  { return nil }
func (*db) exec(string) error             { return ErrUnsupported }
func (*db) one(string) (int64, error)     { return 0, ErrUnsupported }
func (*db) prepare(string) (*stmt, error) { return nil, ErrUnsupported }

func (*stmt) close()                     {}
func (*stmt) bindInt(int, int64)         {}
func (*stmt) bindNull(int)               {}
func (*stmt) bindBlob(int, []byte)       {}
func (*stmt) bindText(int, string) error { return ErrUnsupported }
func (*stmt) step() (bool, error)        { return false, ErrUnsupported }
func (*stmt) reset()                     {}
func (*stmt) run() error                 { return ErrUnsupported }
func (*stmt) int(int) int64              { return 0 }
func (*stmt) columns() int               { return 0 }
func (*stmt) kind(int) int32             { return columnNull }
func (*stmt) blob(int) []byte            { return nil }
func (*stmt) text(int) string            { return "" }
