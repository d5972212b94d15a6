//go:build linux

package labtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// spawnEnv marks a process that Spawn started; its value is a GenConfig as
// JSON. The namespace is file 3, the result goes to standard output.
const (
	spawnEnv = "NATLENS_LAB_SPAWN"
	spawnFD  = 3
)

// Spawn is Generate in a process of its own, so that a benchmark can measure this one.
// The program runs itself again and does the work in Enter. If this process dies, that
// one is killed.
func (g *Generator) Spawn(ctx context.Context, cfg GenConfig) (Made, error) {
	if err := cfg.check(); err != nil {
		return Made{}, fmt.Errorf("generate: %w", err)
	}
	request, err := json.Marshal(cfg)
	if err != nil {
		return Made{}, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), spawnEnv+"="+string(request))
	ns, err := os.Open(g.ns.Path())
	if err != nil {
		return Made{}, err
	}
	defer ns.Close()
	cmd.ExtraFiles = []*os.File{ns}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	// Pdeathsig means the death of the parent thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return Made{}, ctx.Err()
	}
	if err != nil {
		return Made{}, fmt.Errorf("spawned generator: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	var made Made
	if err := json.Unmarshal(out, &made); err != nil {
		return Made{}, fmt.Errorf("result of the spawned generator (does main call labtest.Enter first?): %w", err)
	}
	return made, nil
}

// Enter is [lab.Enter] for programs that call [Generator.Spawn]: a process that Spawn
// started does its work inside Enter and exits.
func Enter() error {
	if request, ok := os.LookupEnv(spawnEnv); ok {
		os.Exit(spawned(request))
	}
	return lab.Enter()
}

// spawned is the main function of a process that Spawn started. It returns the exit
// code.
func spawned(request string) int {
	var cfg GenConfig
	err := json.Unmarshal([]byte(request), &cfg)
	if err == nil {
		// The thread is the only one of this process that opens sockets.
		runtime.LockOSThread()
		err = unix.Setns(spawnFD, unix.CLONE_NEWNET)
	}
	var made Made
	if err == nil {
		made, err = generate(context.Background(), func(f func() error) error { return f() }, cfg)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(made)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
