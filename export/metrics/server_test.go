package metrics

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"natlens/monitor/golden"
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
	_, err = Listen(l.Addr().String())
	golden.Words(t, "a port in use", err)
	if !errors.Is(err, syscall.EADDRINUSE) {
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
// and that stop ends it.
func TestServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := Serve(l, New(Config{Version: "v1"}))
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
	stop()
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("somebody listens still")
	}
}

// TestListenIPv4 expects that an IPv4 address is not reachable by IPv6.
func TestListenIPv4(t *testing.T) {
	l, err := Listen("0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if at := l.Addr().(*net.TCPAddr); at.IP.To4() == nil {
		t.Errorf("it listens on %v", at)
	}
}

// TestConnections opens more connections than the server takes at once, and expects that
// the next one gets its answer only when another one ends.
func TestConnections(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer Serve(l, New(Config{}))()
	ask := func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, make([]byte, 12))
		return err
	}
	var held []net.Conn
	for range connections + 1 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if len(held) < connections {
			if err := ask(conn); err != nil {
				t.Fatal(err)
			}
		}
		held = append(held, conn)
	}
	last := held[connections]
	_ = last.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if err := ask(last); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("one connection too many: %v", err)
	}
	held[0].Close()
	_ = last.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(last, make([]byte, 12)); err != nil {
		t.Errorf("after another one ended: %v", err)
	}
}
