//go:build !noui

package ui

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/config"
)

// fileExporter creates the files of the UI's exports.
type fileExporter struct {
	namespaces *monitor.Namespaces
	places     monitor.Places
}

// Create opens a new file of JSON lines.
func (x fileExporter) Create(path string, overwrite bool) (monitor.Sink, error) {
	f, err := export.Create(path, export.CreateOptions{Force: overwrite})
	if err != nil {
		return nil, err
	}
	lines := jsonl.NewWriter(f)
	lines.Namespaces, lines.Places = x.namespaces, x.places
	return fileSink{lines, f}, nil
}

// fileSink is a sink that closes its file.
type fileSink struct {
	monitor.Sink
	file io.Closer
}

// Close ends the sink and the file.
func (s fileSink) Close() error { return errors.Join(s.Sink.Close(), s.file.Close()) }

// resolver resolves names with a timeout for each query.
type resolver struct{ *net.Resolver }

// Name returns the first name of the address, without the dot at its end.
func (r resolver) Name(ctx context.Context, a netip.Addr) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	names, err := r.LookupAddr(ctx, a.String())
	if err != nil || len(names) == 0 {
		return "", err
	}
	return strings.TrimSuffix(names[0], "."), nil
}

// serviceNames returns the names of ports in services(5). Without the file no port has a name.
func serviceNames() func(monitor.Proto, uint16) string {
	names := make(map[string]string)
	if f, err := os.Open("/etc/services"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			text, _, _ := strings.Cut(lines.Text(), "#")
			if w := strings.Fields(text); len(w) >= 2 && names[w[1]] == "" {
				names[w[1]] = w[0] // https 443/tcp
			}
		}
	}
	return func(p monitor.Proto, port uint16) string { return names[strconv.Itoa(int(port))+"/"+p.String()] }
}

// historyLines is how many filters are kept.
const historyLines = 200

// filterHistory stores the UI's filters in a file, one per line.
type filterHistory struct{ path string }

// newFilterHistory returns a history in the XDG state directory. It stores nothing without a
// home directory, or in the home of another user, such as that of a user who runs natlens with
// sudo.
func newFilterHistory(con cli.Console) *filterHistory {
	dir := con.Getenv("XDG_STATE_HOME")
	if home := con.Getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".local", "state")
	}
	if dir == "" || !cli.Owned(dir) {
		return &filterHistory{}
	}
	return &filterHistory{filepath.Join(dir, "natlens", "filters")}
}

// maxHistory is the maximum size of the file.
const maxHistory = 1 << 20

// Lines returns the filters, oldest first. It reads only a regular file.
func (h *filterHistory) Lines() []string {
	if info, err := os.Lstat(h.path); err != nil || !info.Mode().IsRegular() || info.Size() > maxHistory {
		return nil
	}
	text, err := os.ReadFile(h.path)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return lines[max(0, len(lines)-historyLines):]
}

// Add adds a filter. If it cannot be written, the filter is lost at the end of the run.
func (h *filterHistory) Add(filter string) {
	if h.path == "" {
		return
	}
	lines := append(h.Lines(), filter)
	lines = lines[max(0, len(lines)-historyLines):]
	_ = config.Replace(h.path, []byte(strings.Join(lines, "\n")+"\n"))
}
