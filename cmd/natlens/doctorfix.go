//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// fixes are the settings that doctor --fix made in a network namespace, as they
// stand in a file. The file is written before the first setting is made, and
// taken away when all are put back: who is killed in between leaves a file that
// tells what was.
type fixes struct {
	dir    string // where the file is
	netns  int
	cookie uint64 // the namespace's
	fixState
}

// fixState is what the file holds.
type fixState struct {
	V    int    `json:"v"`
	Boot string `json:"boot"` // settings do not outlive it

	// Whole tells that all settings were made; false: it was cut short, unless
	// somebody has the lock, who still is about it.
	Whole    bool      `json:"whole"`
	Settings []setting `json:"settings"`
}

// setting is a sysctl that was changed.
type setting struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// path is the file of the namespace.
func (f *fixes) path() string {
	return filepath.Join(f.dir, fmt.Sprintf("doctor-%x.json", f.cookie))
}

// load reads what an earlier run left; nothing, if it was before the last boot.
func (f *fixes) load() error {
	boot, err := kernel.ReadSysctl(0, "kernel.random.boot_id")
	if err != nil {
		return err
	}
	if f.cookie, err = netns.NetNSCookie(f.netns); err != nil {
		return err
	}
	f.fixState = fixState{V: 1, Boot: boot}
	text, err := os.ReadFile(f.path())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil // nobody's, or not ours
	}
	if err != nil {
		return fmt.Errorf("read the old values: %w", err)
	}
	var was fixState
	if err := json.Unmarshal(text, &was); err != nil || was.V != 1 {
		return fmt.Errorf("read the old values: %s is not a file of doctor --fix", f.path())
	}
	if was.Boot == boot {
		f.fixState = was
	}
	return nil
}

// errUnderWay tells that somebody else has the lock.
var errUnderWay = errors.New("another doctor --fix is under way in this network namespace")

// lock keeps others from the settings and the file until unlock, which the end of
// the process does as well, and reads the file anew: it may have changed while
// this run looked and asked.
func (f *fixes) lock() (unlock func(), err error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep the old values: %w", err)
	}
	file, err := os.OpenFile(strings.TrimSuffix(f.path(), ".json")+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the old values: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errUnderWay
	}
	if err == nil {
		err = f.load()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}

// save writes the file so that it is there whole, whatever happens.
func (f *fixes) save() error {
	text, err := json.Marshal(f.fixState)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("keep the old values: %w", err)
	}
	// 0600 by CreateTemp.
	tmp, err := os.CreateTemp(f.dir, ".doctor-*")
	if err != nil {
		return fmt.Errorf("keep the old values: %w", err)
	}
	_, err = tmp.Write(append(text, '\n'))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the old values: %w", err), os.Remove(tmp.Name()))
	}
	return nil
}

// mend puts back what an earlier --fix set that was cut short.
func (f *fixes) mend(con cli.Console) error {
	if len(f.Settings) == 0 || f.Whole {
		return nil
	}
	unlock, err := f.lock()
	if errors.Is(err, errUnderWay) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if len(f.Settings) == 0 || f.Whole {
		return nil
	}
	fmt.Fprintln(con.Stderr, "natlens: a doctor --fix was cut short; what it set is put back")
	if err := putBack(context.Background(), con, &cli.ConfirmFlags{Yes: true}, f); err != nil {
		return err
	}
	f.Settings = nil
	return nil
}

// tell says on stderr what an earlier --fix left, and the command that puts it back.
func (f *fixes) tell(con cli.Console, putBack string) {
	if len(f.Settings) == 0 {
		return
	}
	text := "settings that doctor --fix made stand: "
	if !f.Whole {
		text = "a doctor --fix was cut short, or still is under way, and may have changed: "
	}
	var each []string
	for _, s := range f.Settings {
		each = append(each, fmt.Sprintf("%s=%s (was %s)", s.Name, s.New, s.Old))
	}
	fmt.Fprintf(con.Stderr, "natlens: %s%s; %s puts back what was\n", text, strings.Join(each, ", "), putBack)
}

// plan adds a setting to those remembered; the oldest value is what was before
// any of them.
func (f *fixes) plan(name, now, value string) {
	for i := range f.Settings {
		if f.Settings[i].Name == name {
			f.Settings[i].New = value
			return
		}
	}
	f.Settings = append(f.Settings, setting{name, now, value})
}

// fix makes the settings, after asking.
func fix(ctx context.Context, con cli.Console, c *cli.ConfirmFlags, f *fixes, wanted []doctor.Setting) error {
	if len(wanted) == 0 {
		fmt.Fprintln(con.Stderr, "natlens: there is nothing that --fix could do")
		return nil
	}
	var lines []string
	for _, w := range wanted {
		now, err := kernel.ReadSysctl(f.netns, w.Name)
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%s=%d (is %s)", w.Name, w.Value, now))
	}
	if c.DryRun {
		fmt.Fprintf(con.Stderr, "natlens: would set %s\n", strings.Join(lines, ", "))
		return nil
	}
	if !c.Yes && !con.Ask(ctx, "set "+strings.Join(lines, ", ")+"?") {
		return errors.New("nothing was set")
	}
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return f.make(con, wanted)
}

// make makes the settings that nobody has made meanwhile, and keeps the values of
// before in the file.
func (f *fixes) make(con cli.Console, wanted []doctor.Setting) error {
	var todo []doctor.Setting
	for _, w := range wanted {
		now, err := kernel.ReadSysctl(f.netns, w.Name)
		if err != nil {
			return err
		}
		if value := fmt.Sprint(w.Value); now != value {
			f.plan(w.Name, now, value)
			todo = append(todo, w)
		}
	}
	if todo == nil {
		fmt.Fprintln(con.Stderr, "natlens: somebody else has made the settings meanwhile")
		return nil
	}
	f.Whole = false
	if err := f.save(); err != nil {
		return err
	}
	for _, w := range todo {
		if err := kernel.WriteSysctl(f.netns, w.Name, fmt.Sprint(w.Value)); err != nil {
			return err
		}
		fmt.Fprintf(con.Stderr, "natlens: %s=%d\n", w.Name, w.Value)
	}
	f.Whole = true
	return f.save()
}

// restore is --fix --restore.
func restore(ctx context.Context, con cli.Console, c *cli.ConfirmFlags, f *fixes) error {
	if len(f.Settings) == 0 {
		return putBack(ctx, con, c, f)
	}
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return putBack(ctx, con, c, f)
}

// putBack puts back what was before, after asking. What somebody else has set
// since is left alone.
func putBack(ctx context.Context, con cli.Console, c *cli.ConfirmFlags, f *fixes) error {
	if len(f.Settings) == 0 {
		fmt.Fprintf(con.Stderr, "natlens: nothing to put back: %s is not there\n", f.path())
		return nil
	}
	var lines []string
	var back []setting
	for _, s := range f.Settings {
		now, err := kernel.ReadSysctl(f.netns, s.Name)
		if err != nil {
			return err
		}
		switch now {
		case s.Old:
		case s.New:
			back = append(back, s)
			lines = append(lines, fmt.Sprintf("%s=%s (is %s)", s.Name, s.Old, now))
		default:
			fmt.Fprintf(con.Stderr, "natlens: %s stays %s: it is not what doctor --fix set\n", s.Name, now)
		}
	}
	if c.DryRun {
		fmt.Fprintf(con.Stderr, "natlens: would set %s\n", strings.Join(lines, ", "))
		return nil
	}
	if len(back) > 0 && !c.Yes && !con.Ask(ctx, "set "+strings.Join(lines, ", ")+"?") {
		return errors.New("nothing was put back")
	}
	for _, s := range back {
		if err := kernel.WriteSysctl(f.netns, s.Name, s.Old); err != nil {
			return err
		}
		fmt.Fprintf(con.Stderr, "natlens: %s=%s\n", s.Name, s.Old)
	}
	if err := os.Remove(f.path()); err != nil {
		return fmt.Errorf("forget the old values: %w", err)
	}
	return nil
}
