package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
)

// ErrAddress means that Listen got an address without a valid host or port.
var ErrAddress = errors.New("not an address with a port, such as 127.0.0.1:9742 or [::1]:9742")

// Listen listens on a TCP address with a port. The caller closes the listener. 0.0.0.0 means
// every IPv4 address of this host and no IPv6 address; an empty host or :: means every address
// of both families.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, ErrAddress
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, ErrAddress
	}
	network := "tcp"
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		network = "tcp4"
	}
	l, err := net.Listen(network, address)
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program listens there: %w", syscall.EADDRINUSE)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("no such address on this host: %w", syscall.EADDRNOTAVAIL)
	case errors.Is(err, syscall.EACCES):
		return nil, syscall.EACCES
	case errors.As(err, &dns):
		return nil, ErrAddress
	}
	return l, err
}

// Loopback reports whether only programs of this host can reach the listener.
func Loopback(l net.Listener) bool {
	at, ok := l.Addr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// Server answers scrapes of Prometheus until Close.
type Server struct{ http http.Server }

// connections is the maximum number of connections at once. Further ones wait.
const connections = 32

// Serve answers requests on l with the metrics of m, in a goroutine that Close ends. Close also
// closes l.
func Serve(l net.Listener, m *Metrics) *Server {
	s := &Server{http.Server{ // a scraper sends a short request and reads the answer at once
		Handler: m.Handler(), ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // do not log clients that disconnect
	}}
	// Ignore the error: net/http retries accept(2), so Serve returns only after Close.
	go s.http.Serve(netutil.LimitListener(l, connections))
	return s
}

// Close stops listening, waits up to two seconds for running scrapes, and then ends them.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	return err
}
