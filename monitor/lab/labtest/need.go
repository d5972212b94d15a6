package labtest

import (
	"os"
	"os/exec"
	"testing"
)

// checkAll is the environment variable that turns a skip into a failure. .ci/run
// sets it and installs what the tests need: a test that is skipped there would
// never run.
const checkAll = "NATLENS_CHECK_ALL"

// Need returns the path of a program that the test needs. If it is not installed,
// Need skips the test, or fails it if NATLENS_CHECK_ALL is set.
func Need(t testing.TB, program string) (path string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		skip(t, program+" is not installed")
	}
	return path
}

// Have returns the path of a program that a part of the test needs. If it is not
// installed, Have logs that and returns false, or fails the test if
// NATLENS_CHECK_ALL is set.
func Have(t testing.TB, program string) (path string, ok bool) {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
		return path, true
	case os.Getenv(checkAll) != "":
		t.Fatalf("%s is not installed, and %s is set", program, checkAll)
	}
	t.Logf("%s is not installed: nothing is compared with it", program)
	return "", false
}

// Lack skips a test because the kernel does not have something, or fails it if
// NATLENS_CHECK_ALL is set.
func Lack(t testing.TB, what string) {
	t.Helper()
	skip(t, "the kernel has no "+what)
}

func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(checkAll) != "" {
		t.Fatalf("%s, and %s is set", reason, checkAll)
	}
	t.Skipf("%s", reason)
}

// alone is the environment variable that enables the tests that must run alone.
const alone = "NATLENS_ALONE"

// Alone skips a test that changes what all network namespaces share, unless
// NATLENS_ALONE is set: `make alone` sets it and runs nothing beside the test.
func Alone(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(alone) == "" {
		t.Skipf("it changes %s, which all network namespaces share: make alone runs it", what)
	}
}
