package metrics

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
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
