//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/doctor"
	"natlens/monitor/lab"
)

const acctSysctl, timestampSysctl = "net.netfilter.nf_conntrack_acct", "net.netfilter.nf_conntrack_timestamp"

// settingsOf are acct and timestamp of the gateway.
func settingsOf(t *testing.T, l *lab.Lab) string {
	t.Helper()
	a, err := l.Gateway.ReadSysctl(acctSysctl)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Gateway.ReadSysctl(timestampSysctl)
	if err != nil {
		t.Fatal(err)
	}
	return a + b
}

// doctorHere calls doctor in this process for the lab's gateway, with somebody
// who answers.
func doctorHere(t *testing.T, l *lab.Lab, dir, answer, args string) *called {
	t.Helper()
	words := append([]string{"doctor", "--netns", l.Gateway.Path(), "--state", dir}, strings.Fields(args)...)
	return call(t.Context(), cli.Console{Answers: strings.NewReader(answer + "\n")}, words...)
}

// TestDoctorFix makes the settings, and puts them back.
func TestDoctorFix(t *testing.T) {
	l := lab.NewWith(t, lab.Config{Timestamp: true})
	dir := filepath.Join(t.TempDir(), "state")
	for _, step := range []struct {
		name, args, answer string
		code               int
		stderr             string
		after              string // acct and timestamp
	}{
		{"nothing yet", "--fix --restore", "", 0, "natlens: nothing to put back: FILE is not there\n", "01"},
		{"only said", "--for 50ms --fix --dry-run", "", 0, "natlens: would set net.netfilter.nf_conntrack_acct=1 (is 0)\n", "01"},
		{"refused", "--for 50ms --fix", "n", 1, "set net.netfilter.nf_conntrack_acct=1 (is 0)? [y/N] natlens: nothing was set\n", "01"},
		{"made", "--for 50ms --fix", "y", 0, "set net.netfilter.nf_conntrack_acct=1 (is 0)? [y/N] natlens: net.netfilter.nf_conntrack_acct=1\n", "11"},
		{"told", "--for 50ms", "", 0, "natlens: settings that doctor --fix made stand: net.netfilter.nf_conntrack_acct=1 (was 0); RESTORE puts back what was\n", "11"},
		{"not put back", "--fix --restore", "", 1, "set net.netfilter.nf_conntrack_acct=0 (is 1)? [y/N] natlens: nothing was put back\n", "11"},
		{"put back", "--fix --restore --yes", "", 0, "natlens: net.netfilter.nf_conntrack_acct=0\n", "01"},
		{"forgotten", "--fix --restore --yes", "", 0, "natlens: nothing to put back: FILE is not there\n", "01"},
	} {
		got := doctorHere(t, l, dir, step.answer, step.args)
		file := fileOf(t, l, dir)
		want := strings.NewReplacer("FILE", file, "RESTORE", restoreCommand(l, dir)).Replace(step.stderr)
		if got.code != step.code || got.stderr.String() != want {
			t.Errorf("%s: exit code %d, standard error\n%s\nwant\n%s", step.name, got.code, got.stderr.String(), want)
		}
		if now := settingsOf(t, l); now != step.after {
			t.Errorf("%s: settings %s, wanted %s", step.name, now, step.after)
		}
		if info, err := os.Stat(file); step.after == "11" && (err != nil || info.Mode().Perm() != 0o600) {
			t.Errorf("%s: %v, %v", step.name, info, err)
		}
	}
}

// restoreCommand is what puts back, as it has to be typed where natlens runs.
func restoreCommand(l *lab.Lab, dir string) string {
	command := "natlens doctor --netns " + l.Gateway.Path() + " --fix --restore --state " + dir
	if os.Geteuid() != 0 || lab.Entered() {
		return "sudo " + command
	}
	return command
}

// fileOf is where the old values of the gateway stand.
func fileOf(t *testing.T, l *lab.Lab, dir string) string {
	t.Helper()
	f := &fixes{dir: dir, netns: l.Gateway.FD()}
	if err := f.load(); err != nil {
		t.Fatal(err)
	}
	return f.path()
}

// TestDoctorFixKilled kills a run by SIGKILL between its first setting and its
// second, and expects the next start to put back what was.
func TestDoctorFixKilled(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	dir := t.TempDir()
	killBetween(t, l, dir)
	if now := settingsOf(t, l); now != "10" {
		t.Fatalf("killed too early or too late: settings %s", now)
	}
	told := "natlens: a doctor --fix was cut short, or still is under way, and may have changed: net.netfilter.nf_conntrack_acct=1 (was 0), " +
		"net.netfilter.nf_conntrack_timestamp=1 (was 0); " + restoreCommand(l, dir) + " puts back what was\n"
	if got := doctorHere(t, l, dir, "", "--for 50ms --fix --dry-run"); !strings.HasPrefix(got.stderr.String(), told) || settingsOf(t, l) != "10" {
		t.Errorf("settings %s, got %s", settingsOf(t, l), got.stderr.String())
	}
	const mended = "natlens: a doctor --fix was cut short; what it set is put back\nnatlens: net.netfilter.nf_conntrack_acct=0\n"
	if got := doctorHere(t, l, dir, "", "--for 50ms"); got.stderr.String() != mended || settingsOf(t, l) != "00" {
		t.Errorf("settings %s, got  %s\nwant %s", settingsOf(t, l), got.stderr.String(), mended)
	}
	if got := doctorHere(t, l, dir, "", "--for 50ms"); got.stderr.String() != "" {
		t.Errorf("told again: %s", got.stderr.String())
	}
}

// killBetween runs doctor --fix and kills it after its first setting: it hangs
// there, because nobody reads what it says.
func killBetween(t *testing.T, l *lab.Lab, dir string) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	size, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	var cmd *exec.Cmd
	err = l.Gateway.Do(func() error {
		cmd = natlens("doctor", "--for", "50ms", "--fix", "--yes", "--state", dir)
		cmd.Stderr = write
		return cmd.Start()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }() // SIGKILL
	waitFor(t, "the first setting", func() bool { return settingsOf(t, l) != "00" })
}

// TestDoctorFixUnderWay expects what another run is about to be left to it, and to
// be put back when that run has gone.
func TestDoctorFixUnderWay(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	dir := t.TempDir()
	f := &fixes{dir: dir, netns: l.Gateway.FD()}
	if err := f.load(); err != nil {
		t.Fatal(err)
	}
	unlock, err := f.lock()
	if err != nil {
		t.Fatal(err)
	}
	f.plan(acctSysctl, "0", "1")
	if err := f.save(); err != nil {
		t.Fatal(err)
	}
	sets("acct", "1")(t, l)
	if got := doctorHere(t, l, dir, "", "--for 50ms"); settingsOf(t, l) != "10" || !strings.Contains(got.stderr.String(), "may have changed: "+acctSysctl+"=1 (was 0)") {
		t.Errorf("settings %s: %s", settingsOf(t, l), got.stderr.String())
	}
	for _, args := range []string{"--for 50ms --fix --yes", "--fix --restore --yes"} {
		got := doctorHere(t, l, dir, "", args)
		if got.code != 1 || settingsOf(t, l) != "10" || !strings.HasSuffix(got.stderr.String(), "natlens: another doctor --fix is under way in this network namespace\n") {
			t.Errorf("%s: exit code %d, settings %s: %s", args, got.code, settingsOf(t, l), got.stderr.String())
		}
	}
	unlock()
	if got := doctorHere(t, l, dir, "", "--for 50ms"); settingsOf(t, l) != "00" {
		t.Errorf("settings %s: %s", settingsOf(t, l), got.stderr.String())
	}
}

// TestDoctorFixMeanwhile has another run make the settings while this one asks,
// and expects the values of before that one to be what is put back.
func TestDoctorFixMeanwhile(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	dir := t.TempDir()
	f := &fixes{dir: dir, netns: l.Gateway.FD()}
	if err := f.load(); err != nil {
		t.Fatal(err)
	}
	if got := doctorHere(t, l, dir, "", "--for 50ms --fix --yes"); got.code != 0 || settingsOf(t, l) != "11" {
		t.Fatalf("exit code %d, settings %s: %s", got.code, settingsOf(t, l), got.stderr.String())
	}
	// It has seen what was before the other run.
	var stderr strings.Builder
	yes := cli.ConfirmFlags{Yes: true}
	if err := fix(t.Context(), cli.Console{Stderr: &stderr}, &yes, f, []doctor.Setting{{Name: acctSysctl, Value: 1}, {Name: timestampSysctl, Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if want := "natlens: somebody else has made the settings meanwhile\n"; stderr.String() != want {
		t.Errorf("got %s", stderr.String())
	}
	if got := doctorHere(t, l, dir, "", "--fix --restore --yes"); got.code != 0 || settingsOf(t, l) != "00" {
		t.Errorf("exit code %d, settings %s: %s", got.code, settingsOf(t, l), got.stderr.String())
	}
}

// TestDoctorFixTwice expects the value before the first of two changes to be the
// one that is put back.
func TestDoctorFixTwice(t *testing.T) {
	var f fixes
	f.plan(acctSysctl, "0", "1")
	f.plan(acctSysctl, "1", "2")
	if want := (setting{acctSysctl, "0", "2"}); len(f.Settings) != 1 || f.Settings[0] != want {
		t.Errorf("got %v", f.Settings)
	}
}

// TestDoctorRestoreLeaves expects a setting that somebody made since to stand.
func TestDoctorRestoreLeaves(t *testing.T) {
	const events = "net.netfilter.nf_conntrack_events"
	l := lab.NewWith(t, lab.Config{Acct: true, Sysctls: map[string]string{events: "0"}})
	dir := t.TempDir()
	if got := doctorHere(t, l, dir, "", "--for 50ms --fix --yes"); got.code != 0 || settingsOf(t, l) != "11" {
		t.Fatalf("exit code %d, settings %s: %s", got.code, settingsOf(t, l), got.stderr.String())
	}
	if err := l.Gateway.WriteSysctl(events, "2"); err != nil {
		t.Fatal(err)
	}
	got := doctorHere(t, l, dir, "", "--fix --restore --yes")
	want := "natlens: net.netfilter.nf_conntrack_events stays 2: it is not what doctor --fix set\nnatlens: net.netfilter.nf_conntrack_timestamp=0\n"
	now, err := l.Gateway.ReadSysctl(events)
	if err != nil || got.stderr.String() != want || settingsOf(t, l) != "10" || now != "2" {
		t.Errorf("events %s, %v, settings %s, standard error\n%s\nwant\n%s", now, err, settingsOf(t, l), got.stderr.String(), want)
	}
}

// TestDoctorFixNeedsItsFile expects nothing to be set where the old values can't
// be kept.
func TestDoctorFixNeedsItsFile(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := doctorHere(t, l, filepath.Join(file, "state"), "", "--for 50ms --fix --yes")
	if got.code != 1 || settingsOf(t, l) != "00" {
		t.Errorf("exit code %d, settings %s: %s", got.code, settingsOf(t, l), got.stderr.String())
	}
}

func TestDoctorMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"doctor --for 0s":                  "--for 0s: must be longer than nothing",
		"doctor --restore":                 "--restore goes with --fix",
		"doctor --yes":                     "--yes and --dry-run go with --fix",
		"doctor --fix --restore --json -y": "--restore writes no JSON",
		"doctor --fix":                     "doctor --fix asks first, and there is no terminal to ask on: --yes does it without, --dry-run only says what would be done",
		"doctor --fix --yes --dry-run":     "--yes and --dry-run contradict each other",
		"doctor now":                       `natlens doctor takes no arguments, got "now"`,
	} {
		got := call(t.Context(), cli.Console{}, strings.Fields(args)...)
		if got.code != cli.ExitUsage || got.stderr.String() != "natlens: "+want+"\n" || got.stdout.String() != "" {
			t.Errorf("%s: exit code %d, %s", args, got.code, got.stderr.String())
		}
	}
}
