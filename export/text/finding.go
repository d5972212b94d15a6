package text

import "natlens/monitor"

// FindingText says in one line what a finding is and how to go on, for people.
func FindingText(f *monitor.Finding) string {
	if f.Cleared != 0 {
		return "gone: " + f.Rule + ": " + f.Text
	}
	return f.Rule + ": " + f.Text + " → " + f.Command
}
