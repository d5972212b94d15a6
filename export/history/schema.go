package history

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

// schemaVersion is the user_version of the files. Files with another version are
// rejected.
const schemaVersion = 2

// applicationID marks the files as ours: "natl".
const applicationID = 0x6e61746c

var (
	//go:embed closed.sql
	closedSQL string
	//go:embed open.sql
	openSQL string

	// The statements that make a file of closed translations, and open.sqlite.
	closedSchema = statements(closedSQL)
	openSchema   = statements(openSQL)

	// columns are those that tables translation and open have in common: all but
	// the id of translation.
	columns = strings.Join(regexp.MustCompile(`(?m)^\t[a-z_]+`).FindAllString(openSchema[0], -1), ",")
)

func statements(sql string) []string { return strings.Split(strings.TrimSuffix(sql, ";\n"), ";\n\n") }

// insertInto returns an INSERT of the values of more and of columns.
func insertInto(table string, more ...string) string {
	names := strings.Join(append(more, columns), ",")
	marks := strings.Repeat(",?", strings.Count(names, ","))
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", table, names, marks)
}
