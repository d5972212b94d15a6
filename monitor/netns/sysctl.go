//go:build linux

package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// ErrNoSysctl means that the kernel does not have this setting, or only in the initial network
// namespace.
var ErrNoSysctl = errors.New("no such setting here")

// ReadSysctl returns the value of a setting in a network namespace (0: the caller's), by its
// sysctl(8) name. Interface names with a dot are not supported.
func ReadSysctl(ns int, name string) (value string, err error) {
	err = Do(ns, func() error {
		text, err := os.ReadFile(SysctlFile(name))
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
	// /proc/sys/net shows the namespace of the thread that opens it.
	err := Do(ns, func() error {
		f, err := os.OpenFile(SysctlFile(name), os.O_WRONLY, 0)
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

// SysctlFile returns the path of a setting.
func SysctlFile(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// sysctlError removes the path, because the name says the same.
func sysctlError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoSysctl
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
