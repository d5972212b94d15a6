// Package findings finds what is wrong with the traffic of a gateway: rules over the
// live table and the stream of events, each with the flows that show it.
//
//	e := findings.New(findings.Config{Table: table, Thresholds: findings.DefaultThresholds()})
//	m := loop.Loop{Source: source, Table: table, Rules: e, …}
//	…
//	for _, f := range e.Snapshot() {
//		fmt.Println(f.Severity, f.Rule, f.Subject, f.Text, f.Filter)
//	}
//
// The table is scanned in pieces, one a tick, and its flows are counted in groups. Rates,
// which the table does not show, are counted in windows of the stream:
//
//	Observe ─▶ window (hosts, resolvers) ─┐
//	Tick ────▶ scan (groups of flows) ────┴▶ candidates ─▶ appeared, cleared
//
// Counts are exact. The number of groups is bounded: flows of further groups are not counted.
//
// docs/findings.md lists the rules, their thresholds and the reasons.
package findings
