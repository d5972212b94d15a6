//go:build nohistory || mips || mipsle || mips64 || mips64le || ppc64 || wasm

package history

import (
	"context"
	"database/sql"
	"errors"
)

// Supported reports whether this build has SQLite, and so a history.
const Supported = false

func limitLength(context.Context, *sql.DB, int) error { return errors.ErrUnsupported }
