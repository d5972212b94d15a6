package text

import "natlens/monitor"

// FindingText is a finding in one line for people, with the command that shows more.
func FindingText(f *monitor.Finding) string {
	if f.Cleared != 0 {
		return "gone: " + f.Rule + ": " + f.Text
	}
	return f.Rule + ": " + f.Text + " → " + f.Command
}
