package cli

import (
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
)

// Columns writes rows in columns, two spaces apart. The first left columns and those from
// column after on are left-aligned, those between right-aligned.
func Columns(rows [][]string, left, after int) string {
	cell := lipgloss.NewStyle().PaddingRight(2)
	t := table.New().Rows(rows...).Border(lipgloss.Border{}).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).
		StyleFunc(func(_, col int) lipgloss.Style {
			if col >= left && col < after {
				return cell.Align(lipgloss.Right)
			}
			return cell
		})
	var b strings.Builder
	for line := range strings.Lines(t.String() + "\n") {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}
