package loop

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// fakeKernel is a live source whose queue and dumps come from the test. Each
// element of queue is what one poll returns; ctx ends the run when it is
// empty.
type fakeKernel struct {
	queue [][]monitor.Event
	dumps [][][]monitor.Event // per dump, per read
	done  context.CancelFunc
	open  int // dumps that were not closed
}

func (k *fakeKernel) Next(ctx context.Context, b *monitor.Batch) error {
	if err := k.Poll(b); err != nil || len(b.Events) > 0 {
		return err
	}
	if len(k.queue) == 0 && len(k.dumps) == 0 {
		k.done()
	}
	<-ctx.Done()
	return ctx.Err()
}

func (k *fakeKernel) Poll(b *monitor.Batch) error {
	if len(k.queue) > 0 {
		for _, e := range k.queue[0] {
			*b.Add() = e
		}
		k.queue = k.queue[1:]
	}
	return nil
}

func (k *fakeKernel) Close() error { return nil }

func (k *fakeKernel) Dump(context.Context, []monitor.NetNS) (monitor.Source, error) {
	d := &fakeDump{reads: k.dumps[0], close: func() { k.open-- }}
	k.dumps = k.dumps[1:]
	k.open++
	return d, nil
}

type fakeDump struct {
	reads [][]monitor.Event
	close func()
}

func (d *fakeDump) Next(_ context.Context, b *monitor.Batch) error {
	if len(d.reads) == 0 {
		return io.EOF
	}
	for _, e := range d.reads[0] {
		*b.Add() = e
	}
	d.reads = d.reads[1:]
	return nil
}

func (d *fakeDump) Close() error {
	d.close()
	return nil
}

// notes is a sink that keeps a line an event.
type notes struct{ lines []string }

func (n *notes) Write(b *monitor.Batch) error {
	for i := range b.Events {
		e := &b.Events[i]
		s := fmt.Sprintf("%d %s", e.Seq, e.Kind)
		switch e.Kind {
		case monitor.KindLost:
			s += fmt.Sprint(" ", e.Gap.Count)
		case monitor.KindResynced:
			s += fmt.Sprintf(" of %d +%d ~%d -%d", e.Gap.Count, e.Gap.Added, e.Gap.Changed, e.Gap.Ended)
		default:
			s += fmt.Sprintf(" port=%d gen=%d %s", e.Flow.Orig.SrcPort, e.Gen, e.Flow.State.Name(monitor.TCP))
			if e.Inferred {
				s += " inferred"
			}
		}
		n.lines = append(n.lines, s)
	}
	return nil
}

func (n *notes) Close() error { return nil }

func lost(n uint64) monitor.Event {
	return monitor.Event{Kind: monitor.KindLost, Time: 50, Gap: &monitor.Gap{Count: n, From: 40, To: 50}}
}

func flow(k monitor.Kind, port uint16, id uint32, s monitor.State) monitor.Event {
	return messageOf(k, 100, tcpOrig(2, port), id, inState(s))
}

func watch(t *testing.T, k *fakeKernel, m *Loop) string {
	t.Helper()
	return watchFor(t, k, m, 10*time.Second)
}

func watchFor(t *testing.T, k *fakeKernel, m *Loop, most time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	k.done = cancel
	var out notes
	m.Source, m.Sinks = k, []monitor.Sink{&out}
	if m.Table == nil {
		m.Table = table.New(table.Config{})
	}
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if k.open != 0 {
		t.Errorf("%d dumps are open after the run", k.open)
	}
	return strings.Join(out.lines, "\n")
}

// After a loss the table equals the dump, except for what events have reported
// since the dump began: those are newer than the dump.
func TestResyncAfterLoss(t *testing.T) {
	k := &fakeKernel{
		queue: [][]monitor.Event{
			{
				flow(
					monitor.KindNew,
					1,
					1,
					monitor.TCPSynSent,
				), flow(monitor.KindNew, 2, 2, monitor.TCPSynSent), flow(monitor.KindNew, 3, 3, monitor.TCPSynSent),
				flow(monitor.KindNew, 4, 4, monitor.TCPSynSent), flow(monitor.KindNew, 5, 5, monitor.TCPSynSent), lost(9),
			},
			// While the dump is read: 3 changes, 4 ends, 7 is new and ends.
			{
				flow(monitor.KindUpdate, 3, 3, monitor.TCPLastAck),
				flow(monitor.KindDestroy, 4, 4, monitor.TCPClose),
				flow(monitor.KindNew, 7, 7, monitor.TCPSynSent),
			},
			{flow(monitor.KindDestroy, 7, 7, monitor.TCPClose)},
		},
		dumps: [][][]monitor.Event{{
			{flow(monitor.KindExisting, 1, 1, monitor.TCPSynSent)},
			{
				flow(monitor.KindExisting, 2, 2, monitor.TCPEstablished),
				flow(monitor.KindExisting, 3, 3, monitor.TCPSynRecv),
				flow(monitor.KindExisting, 4, 4, monitor.TCPSynSent),
			},
			{flow(monitor.KindExisting, 6, 6, monitor.TCPEstablished), flow(monitor.KindExisting, 7, 7, monitor.TCPSynSent)},
			{flow(monitor.KindExisting, 5, 55, monitor.TCPSynSent)}, // the tuple was made again in the gap
		}},
	}
	m := &Loop{Resync: Resync{AfterLoss: true}}
	got := watch(t, k, m)
	want := `1 new port=1 gen=1 SYN_SENT
2 new port=2 gen=2 SYN_SENT
3 new port=3 gen=3 SYN_SENT
4 new port=4 gen=4 SYN_SENT
5 new port=5 gen=5 SYN_SENT
6 lost 9
7 update port=3 gen=3 LAST_ACK
8 destroy port=4 gen=4 CLOSE
9 new port=7 gen=6 SYN_SENT
10 destroy port=7 gen=6 CLOSE
11 update port=2 gen=2 ESTABLISHED inferred
12 new port=6 gen=7 ESTABLISHED inferred
13 destroy port=5 gen=5 SYN_SENT inferred
14 new port=5 gen=8 SYN_SENT inferred
15 resynced of 9 +2 ~1 -1`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s := m.Stats(); s != (Stats{Events: 13, Written: 13, Lost: 9, Gaps: 1, Resyncs: 1}) {
		t.Errorf("stats %+v", s)
	}
}

// What the dump does not have and no event has touched has ended in the gap.
func TestResyncSweeps(t *testing.T) {
	k := &fakeKernel{
		queue: [][]monitor.Event{
			{flow(monitor.KindNew, 1, 1, monitor.TCPSynSent), flow(monitor.KindNew, 2, 2, monitor.TCPSynSent), lost(1)},
			{},
			{},
		},
		dumps: [][][]monitor.Event{{{flow(monitor.KindExisting, 2, 2, monitor.TCPSynSent)}}},
	}
	got := watch(t, k, &Loop{Resync: Resync{AfterLoss: true}})
	want := `1 new port=1 gen=1 SYN_SENT
2 new port=2 gen=2 SYN_SENT
3 lost 1
4 destroy port=1 gen=1 SYN_SENT inferred
5 resynced of 1 +0 ~0 -1`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestResyncOff(t *testing.T) {
	k := &fakeKernel{queue: [][]monitor.Event{{flow(monitor.KindNew, 1, 1, monitor.TCPSynSent), lost(1)}}}
	if got, want := watch(t, k, &Loop{}), "1 new port=1 gen=1 SYN_SENT\n2 lost 1"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Losses that come while a reconciliation is under way lead to one more, not to
// one each.
func TestResyncIsLimited(t *testing.T) {
	k := &fakeKernel{
		queue: [][]monitor.Event{{lost(1)}, {lost(1)}, {lost(1)}, {}},
		dumps: [][][]monitor.Event{{{}, {}, {}}, {{}}},
	}
	got := watch(t, k, &Loop{Resync: Resync{AfterLoss: true, Pause: time.Millisecond}})
	want := "1 lost 1\n2 lost 1\n3 lost 1\n4 resynced of 1 +0 ~0 -0\n5 resynced of 2 +0 ~0 -0"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The first dump reports the existing flows; a NEW that was under way
// meanwhile means the same flow.
func TestExistingFirst(t *testing.T) {
	k := &fakeKernel{
		queue: [][]monitor.Event{
			{flow(monitor.KindNew, 2, 2, monitor.TCPSynSent), flow(monitor.KindUpdate, 1, 1, monitor.TCPLastAck)},
		},
		dumps: [][][]monitor.Event{
			{{flow(monitor.KindExisting, 1, 1, monitor.TCPEstablished)}, {flow(monitor.KindExisting, 2, 2, monitor.TCPSynSent)}},
		},
	}
	got := watch(t, k, &Loop{Existing: ExistingFirst})
	want := "1 existing port=1 gen=1 ESTABLISHED\n2 existing port=2 gen=2 SYN_SENT\n" +
		"3 new port=2 gen=2 SYN_SENT\n4 update port=1 gen=1 LAST_ACK"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Flows that are known from a dump only send no DESTROY: the slow reconciliation ends
// them.
func TestSilentFlowsAreRetired(t *testing.T) {
	k := &fakeKernel{
		queue: [][]monitor.Event{{}},
		dumps: [][][]monitor.Event{{{flow(monitor.KindExisting, 1, 1, monitor.TCPEstablished)}}, {{}}},
	}
	got := watch(t, k, &Loop{Existing: ExistingFirst, Resync: Resync{Every: time.Millisecond, Pause: time.Millisecond}})
	want := "1 existing port=1 gen=1 ESTABLISHED\n2 destroy port=1 gen=1 ESTABLISHED inferred"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCountEndsTheRun(t *testing.T) {
	k := &fakeKernel{
		queue: [][]monitor.Event{
			{
				flow(monitor.KindNew, 1, 1, 0),
				flow(monitor.KindNew, 2, 2, 0),
				flow(monitor.KindNew, 3, 3, 0),
				flow(monitor.KindNew, 4, 4, 0),
			},
		},
	}
	odd := func(e *monitor.Event) bool { return e.Flow.Orig.SrcPort%2 == 1 }
	if got, want := watch(t, k, &Loop{Count: 2, Filter: odd}), "1 new port=1 gen=1 NONE\n3 new port=3 gen=3 NONE"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// endingKernel ends the run while its dump is being read.
type endingKernel struct {
	fakeKernel
	end context.CancelFunc
}

func (k *endingKernel) Dump(context.Context, []monitor.NetNS) (monitor.Source, error) { return k, nil }

func (k *endingKernel) Next(ctx context.Context, _ *monitor.Batch) error {
	k.end()
	return ctx.Err()
}

// A run that is ended during its first dump ends like any other: without
// an error, and with what is queued.
func TestEndedInFirstLook(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	k := &endingKernel{fakeKernel{queue: [][]monitor.Event{{flow(monitor.KindNew, 1, 1, 1)}}}, cancel}
	var out notes
	m := Loop{Source: k, Table: table.New(table.Config{}), Sinks: []monitor.Sink{&out}, Existing: ExistingFirst}
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
	if got, want := strings.Join(out.lines, "\n"), "1 new port=1 gen=1 SYN_SENT"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A run that ends in the middle of a dump closes it.
func TestRunClosesItsDump(t *testing.T) {
	k := &fakeKernel{
		dumps: [][][]monitor.Event{
			{
				{flow(monitor.KindExisting, 1, 1, monitor.TCPEstablished)},
				{flow(monitor.KindExisting, 2, 2, monitor.TCPEstablished)},
			},
		},
	}
	got := watch(t, k, &Loop{Existing: ExistingBeside, Count: 1})
	if want := "1 existing port=1 gen=1 ESTABLISHED"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// hurriedKernel ends the run before the last part of its queue is read.
type hurriedKernel struct{ fakeKernel }

func (k *hurriedKernel) Next(ctx context.Context, b *monitor.Batch) error {
	if len(k.queue) == 1 {
		k.done()
		return ctx.Err()
	}
	return k.Poll(b)
}

// A namespace whose end is still queued when the run ends takes its flows with it, and no others.
func TestNamespaceEndsWithTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in := func(n monitor.NetNS, e monitor.Event) monitor.Event {
		e.SetNetNS(n)
		return e
	}
	k := &hurriedKernel{fakeKernel{done: cancel, queue: [][]monitor.Event{
		{in(3, flow(monitor.KindNew, 1, 1, 1)), in(4, flow(monitor.KindNew, 2, 2, 1))},
		{in(3, monitor.Event{Kind: monitor.KindNetNSEnd, Time: 200})},
	}}}
	var out notes
	m := Loop{Source: k, Table: table.New(table.Config{}), Sinks: []monitor.Sink{&out}}
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
	const want = "1 new port=1 gen=1 SYN_SENT\n2 new port=2 gen=2 SYN_SENT\n" +
		"3 netns_end port=0 gen=0 NONE\n4 destroy port=1 gen=1 SYN_SENT inferred"
	if got := strings.Join(out.lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := m.Table.Len(); n != 1 {
		t.Errorf("%d flows are in the table, want the one of the other namespace", n)
	}
}
