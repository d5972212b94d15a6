package cli

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Columns writes rows in columns, two spaces apart. The first left columns and those from
// column after on are left-aligned, those between right-aligned.
func Columns(rows [][]string, left, after int) string {
	var widths []int
	for _, row := range rows {
		widths = append(widths, make([]int, max(len(row)-len(widths), 0))...)
		for i, cell := range row {
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line string
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-ansi.StringWidth(cell))
			if i >= left && i < after {
				space, cell = "", space+cell
			}
			line += cell + space + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
