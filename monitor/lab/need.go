package lab

import (
	"os"
	"os/exec"
)

// checkAll is the environment variable that forbids tests to leave out what this
// machine has not got: .ci/run sets it, and installs what they need. A test that is
// skipped there would be a claim that nobody checks.
const checkAll = "NATLENS_CHECK_ALL"

// Skipper is the part of testing.TB that tells that something is left out.
type Skipper interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Need returns where a program is that the test can't do without. Where it is not
// installed the test is skipped, with the reason, or fails if all is to be checked.
func Need(t Skipper, program string) (path string) {
	t.Helper()
	path, ok := Have(t, program)
	if !ok {
		t.Skipf("%s is not installed", program)
	}
	return path
}

// Have is Need for a part of a test: it leaves it to the caller to pass over it.
func Have(t Skipper, program string) (path string, ok bool) {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
		return path, true
	case os.Getenv(checkAll) != "":
		t.Fatalf("%s is not installed, and everything is to be checked (%s)", program, checkAll)
	}
	t.Logf("%s is not installed: nothing is compared with it", program)
	return "", false
}

// Lack skips a test for want of something that the kernel may or may not have, or
// fails it if all is to be checked.
func Lack(t Skipper, what string) {
	t.Helper()
	if os.Getenv(checkAll) != "" {
		t.Fatalf("the kernel has no %s, and everything is to be checked (%s)", what, checkAll)
	}
	t.Skipf("the kernel has no %s", what)
}

// alone is the environment variable that lets tests run which must run alone.
const alone = "NATLENS_ALONE"

// Alone skips a test that changes what all network namespaces share, unless
// NATLENS_ALONE is set: make alone does that, with nothing beside it.
func Alone(t Skipper, what string) {
	t.Helper()
	if os.Getenv(alone) == "" {
		t.Skipf("it changes %s, which all network namespaces share: make alone runs it", what)
	}
}
