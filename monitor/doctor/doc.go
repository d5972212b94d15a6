// Package doctor checks connection tracking: whether natlens gets all events, and whether the
// table of this gateway has problems. Each check has evidence and a command that fixes the
// problem.
//
//	for _, c := range doctor.Diagnose(&snapshot) {
//		fmt.Println(c.Level, c.ID, c.Text, c.Command)
//	}
//
// Checks are pure functions of a [Snapshot], which package probe reads. docs/doctor.md lists
// them with their thresholds and the reasons.
package doctor
