// Package findings tells what is wrong with the traffic of a gateway: rules over
// the live table and the stream of events, each with the flows that show it.
//
//	e := findings.New(findings.Config{Table: table, Limits: findings.DefaultLimits()})
//	m := monitor.Monitor{Source: source, Table: table, Rules: e, …}
//	…
//	for _, f := range e.Snapshot() {
//		fmt.Println(f.Severity, f.Rule, f.Subject, f.Text, f.Filter)
//	}
//
// What stands in the table is looked at in looks: scans, a piece a tick, that
// count flows in groups. What is a rate, which a table does not tell, is counted
// in windows of the stream as the events come:
//
//	Observe ─▶ window (sources, resolvers) ─┐
//	Tick ───▶ look (groups of flows) ───────┴▶ judge ─▶ appeared, gone
//
// Memory does not grow with flows, sources or destinations: groups are counted
// by [Space-Saving] and distinct destinations by linear counting, and rules go by
// the least that a count can be, so that no error of theirs makes a finding. Inside
// hosts, of which there may be a million with a flow each, are [admitted] by chance.
//
// The rules, their limits and the reasons stand in docs/findings.md.
//
// [Space-Saving]: Metwally, Agrawal, El Abbadi: Efficient computation of frequent
// and top-k elements in data streams (2005)
//
// [admitted]: Ben Basat, Chen, Einziger, Friedman, Kassner: Randomized admission
// policy for efficient top-k, frequency, and volume estimation (2019)
package findings
