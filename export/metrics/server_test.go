package metrics

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

func TestListen(t *testing.T) {
	for _, address := range []string{"", "9742", "127.0.0.1", "127.0.0.1:http:", "127.0.0.1:70000", "127.0.0.1:web", "::1:9742"} {
		if l, err := Listen(address); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v, %v", address, l, err)
		}
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !Loopback(l) {
		t.Errorf("%s is no loopback", l.Addr())
	}
	if _, err := Listen(l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) ||
		err.Error() != "another program listens there: address already in use" {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := Listen("192.0.2.77:9742"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("an address of somebody else's: %v", err)
	}
	if open, err := Listen(":0"); err != nil || Loopback(open) {
		t.Errorf("every address: %v", err)
	} else {
		open.Close()
	}
}

// TestServer scrapes over a connection, and expects that nothing else is there
// and that Close ends it.
func TestServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, New(Config{Version: "v1"}))
	base := "http://" + l.Addr().String()
	for _, c := range []struct {
		method, path string
		code         int
		holds        string
	}{
		{"GET", "/", 200, `<a href="/metrics">`},
		{"GET", "/metrics", 200, "natlens_build_info{goversion="},
		{"GET", "/metrics", 200, "\nprocess_start_time_seconds "},
		{"GET", "/metrics", 200, "\ngo_goroutines "},
		{"GET", "/debug/pprof/", 404, ""},
		{"POST", "/metrics", 405, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != c.code || !strings.Contains(string(text), c.holds) {
			t.Errorf("%s %s: %d, %v, %.300s", c.method, c.path, r.StatusCode, err, text)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("somebody listens still")
	}
}
