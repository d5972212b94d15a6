// Package doctor checks connection tracking: whether natlens can see what it should, and
// whether the table of this gateway is well. Each check has its evidence and a command that
// fixes what it found.
//
//	for _, c := range doctor.Diagnose(&snapshot) {
//		fmt.Println(c.Level, c.ID, c.Text, c.Command)
//	}
//
// Checks are pure functions of a [Snapshot], which package probe gathers. docs/doctor.md
// lists them with their thresholds and the reasons.
package doctor
