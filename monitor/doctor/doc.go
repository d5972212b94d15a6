// Package doctor says whether connection tracking is well: whether natlens can
// see what people expect of it, and whether the table of this gateway is in
// trouble, each with its evidence and the command that mends it.
//
//	checks := doctor.Diagnose(&snapshot, doctor.DefaultLimits)
//	for _, c := range checks {
//		fmt.Println(c.Level, c.ID, c.Text, c.Command)
//	}
//
// It asks nobody: a [Snapshot] is what others gathered during a look of some
// seconds, and the checks are functions of it. What the limits are and why stands
// in docs/doctor.md.
package doctor
