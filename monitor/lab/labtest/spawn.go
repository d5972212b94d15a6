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

	"natlens/monitor/lab"
)

// spawnEnv marks a process that Spawn started. Its value is a GenConfig in JSON. File 3
// is the namespace, and standard output gets the result.
const spawnEnv = "NATLENS_LAB_SPAWN"

// Spawn is Generate in another process, so that a benchmark can measure this one. The
// program runs itself again, and [Enter] does the work. The process is killed when this
// one dies.
func (g *Generator) Spawn(ctx context.Context, cfg GenConfig) (Made, error) {
	if err := cfg.check(); err != nil {
		return Made{}, err
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
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	runtime.LockOSThread() // Pdeathsig refers to the parent thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return Made{}, ctx.Err()
	}
	if err != nil {
		return Made{}, fmt.Errorf("spawned generator: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var made Made
	if err := json.Unmarshal(out, &made); err != nil {
		return Made{}, fmt.Errorf("result of the spawned generator (does main call labtest.Enter first?): %w", err)
	}
	return made, nil
}

// Enter is [lab.Enter] for programs that call [Generator.Spawn]. In a process that Spawn
// started it makes the flows and exits.
func Enter() error {
	if request, ok := os.LookupEnv(spawnEnv); ok {
		if err := spawned(request); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	return lab.Enter()
}

// spawned is the main function of a process that Spawn started.
func spawned(request string) error {
	var cfg GenConfig
	if err := json.Unmarshal([]byte(request), &cfg); err != nil {
		return err
	}
	g := &Generator{ns: lab.OpenNamespace("generator", os.NewFile(3, "netns"))}
	made, err := g.Generate(context.Background(), cfg)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(made)
}
