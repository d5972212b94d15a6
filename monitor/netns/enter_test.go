//go:build linux

package netns_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv(visitEnv); ok {
		os.Exit(visit())
	}
	labtest.Main(m)
}

// visitEnv makes the test's program visit the namespace of its descriptor 3, at
// once: its main goroutine is still on the main thread.
const visitEnv = "NATLENS_TEST_VISIT"

func visit() (code int) {
	where := func(thread string) string {
		link, err := os.Readlink(fmt.Sprintf("/proc/%s/ns/net", thread))
		if err != nil {
			fmt.Println(err)
			code = 1
		}
		return link
	}
	process := fmt.Sprint(os.Getpid())
	home, there := where(process), ""
	if err := netns.Do(3, func() error { there = where("thread-self"); return nil }); err != nil || there == home {
		fmt.Printf("in %s, %v; home is %s\n", there, err, home)
		code = 1
	}
	if now := where(process); now != home {
		fmt.Printf("the main thread is in %s, and was in %s\n", now, home)
		code = 1
	}
	return code
}

// The main thread, which is what others see of a process and which can't end, is
// never left in another namespace.
func TestInNetNSLeavesTheMainThread(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	there, err := os.Open(g.Namespace().Path())
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), visitEnv+"=1"), []*os.File{there}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
