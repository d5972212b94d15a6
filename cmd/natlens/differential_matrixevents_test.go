//go:build linux

package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// matrixEventFilters are asked of events beside those of matrixFilters that -E
// takes.
var matrixEventFilters = strings.Split("-e NEW|-e UPDATES|-e DESTROY|-e NEW,DESTROY -w 5|-e UPDATES -p tcp|-e DESTROY -f ipv6|-e ALL -p gre|-l web|-l web -p udp|-l web -f ipv6", "|")

var matrixEventModifiers = []string{"", "-o id", "-o extended", "-o xml", "-o timestamp", "-o ktimestamp", "-o labels", "-o userspace", "-o save",
	"-o id,extended,ktimestamp,labels", "-o xml,id,extended,timestamp,ktimestamp,labels"}

// matrixEventLines are the command lines: each modifier without a filter, and each
// filter with a modifier, which go round.
func matrixEventLines() (lines [][]string) {
	for _, m := range matrixEventModifiers {
		lines = append(lines, strings.Fields(m))
	}
	for i, f := range slices.Concat(matrixFilters[1:], matrixEventFilters) {
		if !slices.Contains(strings.Fields(f), "-u") { // which conntrack(8) does not take with -E
			lines = append(lines, strings.Fields(f+" "+matrixEventModifiers[i%len(matrixEventModifiers)]))
		}
	}
	return lines
}

// TestMatrixEventsSame has both programs print the matrix's flows as they are
// made, changed and deleted. conntrack(8)'s queue has room for some 160 events: the
// flows wait until it has read them.
func TestMatrixEventsSame(t *testing.T) {
	needConntrack(t)
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true})
	keepLabels(t, l)
	names := newLabelNames(t)
	for lines := range slices.Chunk(matrixEventLines(), 24) {
		compareMatrixEvents(t, l.Gateway, names, lines)
	}
}

func compareMatrixEvents(t *testing.T, ns *lab.Namespace, names labelNames, lines [][]string) {
	t.Helper()
	emptied(t, ns).Close()
	labtest.WaitFor(t, "the previous listeners to end", func() bool { return len(listeners(t, ns)) == 0 })
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var all []*comparison
	for _, args := range lines {
		c := &comparison{args: args, names: names, events: 1}
		switch {
		case len(args) == 0, args[0] == "-o":
			c.events = 3 * matrixFlows
		case strings.HasPrefix(strings.Join(args, " "), "--orig-zone 5"):
			c.events = 0 // the zone of both directions is not the zone of one
		}
		defer c.start(t, ctx, ns, &running)()
		all = append(all, c)
	}
	waitListening(t, ctx, ns, 2*len(all))
	changeMatrix(t, ns, 2*len(all), matrix(t, ns, func(n int) { drained(t, ns, 2*len(all), n) }))
	ended, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	for _, c := range all {
		c.compare(t, ended)
	}
}

// drained waits, after every 50th event, until all who listen have read what there
// was, and none has missed any.
func drained(t *testing.T, ns *lab.Namespace, listening, n int) {
	t.Helper()
	if n%50 != 0 {
		return
	}
	labtest.WaitFor(t, "the listeners to read", func() bool {
		all := listeners(t, ns)
		for _, l := range all {
			if l.dropped != "0" {
				t.Fatal("a listener has missed events")
			}
			if l.queued != "0" {
				return false
			}
		}
		return len(all) == listening
	})
}

// changeMatrix changes each flow of the matrix, and deletes it.
func changeMatrix(t *testing.T, ns *lab.Namespace, listening int, flows []monitor.Flow) {
	t.Helper()
	s, err := kernel.OpenService(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range flows {
		c := matrixChange(flows[n].Orig.Proto, n+2)
		mark := uint32(n)
		c.Mark = &mark
		if err := s.Update(t.Context(), &flows[n], &c); err != nil {
			t.Fatalf("%s: %v", flows[n].Orig.Proto, err)
		}
		drained(t, ns, listening, n)
	}
	drained(t, ns, listening, 0)
	for n := range flows {
		target := kernel.TargetOf(&flows[n], monitor.AttrOrig|monitor.AttrReply)
		if done, _, err := s.Delete(t.Context(), []kernel.Target{target}, nil); done != 1 || err != nil {
			t.Fatalf("%s: %d deleted, %v", flows[n].Orig.Proto, done, err)
		}
		drained(t, ns, listening, n)
	}
	drained(t, ns, listening, 0)
}
