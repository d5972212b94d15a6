// Package findings finds problems in the traffic of a gateway: its rules check the live table
// and the stream of events, and each finding names the affected flows.
//
//	e := findings.New(findings.Config{Table: table, Thresholds: findings.DefaultThresholds()})
//	m := loop.Loop{Source: source, Table: table, Rules: e, …}
//	…
//	for _, f := range e.Snapshot() {
//		fmt.Println(f.Severity, f.Rule, f.Subject, f.Text, f.Filter)
//	}
//
// Each tick scans a piece of the table and counts its flows in groups. Rates, which the table
// does not contain, are counted in windows of the stream:
//
//	Observe ─▶ window (hosts, resolvers) ─┐
//	Tick ────▶ scan (groups of flows) ────┴▶ candidates ─▶ appeared, cleared
//
// Counts are exact. The number of groups is limited: flows of further groups are not counted.
//
// docs/findings.md lists the rules, their thresholds and the reasons.
package findings
