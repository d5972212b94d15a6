//go:build linux

package lab

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
)

// spawnEnv marks a process that Spawn started; its value is a GenConfig as
// JSON. The namespace is file 3, the result goes to standard output.
const (
	spawnEnv = "NATLENS_LAB_SPAWN"
	spawnFD  = 3
)

// Spawn is Generate in a process of its own, so that a benchmark may measure
// this one: the program runs itself again, and does the work where it calls
// Enter. If this process dies, that one is killed.
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
	cmd.ExtraFiles = []*os.File{g.ns.file}
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
		return Made{}, fmt.Errorf("result of the spawned generator (does main call lab.Enter first?): %w", err)
	}
	return made, nil
}

// spawned is the whole life of a process that Spawn started; it returns the
// exit code.
func spawned(request string) int {
	var cfg GenConfig
	err := json.Unmarshal([]byte(request), &cfg)
	if err == nil {
		ns := &Namespace{name: "generator", file: os.NewFile(spawnFD, "netns")}
		var made Made
		if made, err = generate(context.Background(), ns, cfg); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(made)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
