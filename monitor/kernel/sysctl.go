//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"natlens/monitor/netns"
)

// ErrNoSysctl says that the kernel has no such setting, or that it has it in the
// initial network namespace only.
var ErrNoSysctl = errors.New("no such setting here")

// ReadSysctl returns a setting as a network namespace (0: the caller's) shows
// it, by the name that sysctl(8) gives it.
func ReadSysctl(ns int, name string) (value string, err error) {
	err = netns.Do(ns, func() error {
		text, err := os.ReadFile(sysctlFile(name))
		value = strings.TrimSpace(string(text))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, sysctlError(err))
	}
	return value, nil
}

// WriteSysctl sets a setting of a network namespace (0: the caller's).
func WriteSysctl(ns int, name, value string) error {
	err := netns.Do(ns, func() error {
		f, err := os.OpenFile(sysctlFile(name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(value)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return fmt.Errorf("set %s to %s: %w", name, value, sysctlError(err))
	}
	return nil
}

func sysctlFile(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// sysctlError leaves the path out, which says nothing that the name does not.
func sysctlError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoSysctl
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
