//go:build !nohistory && !(mips || mipsle || mips64 || mips64le || ppc64 || wasm)

package history

import (
	"context"
	"database/sql"

	"modernc.org/sqlite" // also the driver "sqlite"
)

// Supported reports whether this build has SQLite, and so a history.
const Supported = true

// limitLength makes longer texts and rows in a file an error.
func limitLength(ctx context.Context, db *sql.DB, bytes int) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	const length = 0 // SQLITE_LIMIT_LENGTH
	_, err = sqlite.Limit(c, length, bytes)
	return err
}
