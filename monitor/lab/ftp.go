//go:build linux

package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// FTP is one FTP session with one transfer.
type FTP struct {
	From  *Namespace     // nil is the client
	Local netip.AddrPort // source of the control connection
	Bytes int            // how much is transferred
	// Passive lets the client open the data connection. Otherwise the server
	// does, to an address that the gateway's helper put into the PORT command
	// in place of the client's.
	Passive bool
}

// FTPOnce fetches a file from the server (PORT or PASV, RETR, QUIT) and
// returns the source address of the control connection. With Config.Helpers
// the gateway expects the data connection and ties it to its master: without,
// only a passive one comes about.
func (l *Lab) FTPOnce(ctx context.Context, f FTP) (netip.AddrPort, error) {
	from := l.orClient(f.From)
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	conn, err := from.DialTCP(ctx, complete(f.Local, ServerFTP), ServerFTP)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("ftp from %s: %w", from.name, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	c := &ftpClient{ns: from, conn: conn, lines: bufio.NewReader(conn)}
	if err := c.session(ctx, f); err != nil {
		return local, fmt.Errorf("ftp from %s: %w", from.name, err)
	}
	return local, nil
}

type ftpClient struct {
	ns    *Namespace
	conn  *net.TCPConn
	lines *bufio.Reader
}

func (c *ftpClient) session(ctx context.Context, f FTP) error {
	if _, err := c.expect("220"); err != nil {
		return err
	}
	if _, err := c.command("USER anonymous", "230"); err != nil {
		return err
	}
	transfer := c.active
	if f.Passive {
		transfer = c.passive
	}
	if err := transfer(ctx, f.Bytes); err != nil {
		return err
	}
	if _, err := c.command("QUIT", "221"); err != nil {
		return err
	}
	return finish(c.conn)
}

func (c *ftpClient) passive(ctx context.Context, n int) error {
	answer, err := c.command("PASV", "227")
	if err != nil {
		return err
	}
	at, err := parseFTPAddress(answer)
	if err != nil {
		return err
	}
	data, err := c.ns.DialTCP(ctx, netip.AddrPort{}, at)
	if err != nil {
		return err
	}
	return c.retrieve(ctx, data, n)
}

func (c *ftpClient) active(ctx context.Context, n int) error {
	own := c.conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr()
	listener, err := c.ns.ListenTCP(netip.AddrPortFrom(own, 0))
	if err != nil {
		return err
	}
	defer listener.Close()
	if _, err := c.command("PORT "+ftpAddress(addrPortOf(listener.Addr())), "200"); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.write("RETR " + strconv.Itoa(n)); err != nil {
		return err
	}
	// A refusal comes on the control connection instead of a data connection.
	if _, err := c.expect("150"); err != nil {
		return err
	}
	data, err := listener.AcceptTCP()
	if err != nil {
		return err
	}
	return c.receive(ctx, data, n)
}

func (c *ftpClient) retrieve(ctx context.Context, data *net.TCPConn, n int) error {
	if _, err := c.command("RETR "+strconv.Itoa(n), "150"); err != nil {
		data.Close()
		return err
	}
	return c.receive(ctx, data, n)
}

// receive reads the file to its end and closes data.
func (c *ftpClient) receive(ctx context.Context, data *net.TCPConn, n int) error {
	defer data.Close()
	stop := context.AfterFunc(ctx, func() { _ = data.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	got, err := io.Copy(io.Discard, data)
	if err != nil {
		return err
	}
	if got != int64(n) {
		return fmt.Errorf("%d bytes of %d arrived", got, n)
	}
	_, err = c.expect("226")
	return err
}

func (c *ftpClient) command(line, code string) (string, error) {
	if err := c.write(line); err != nil {
		return "", err
	}
	return c.expect(code)
}

func (c *ftpClient) write(line string) error {
	_, err := io.WriteString(c.conn, line+"\r\n")
	return err
}

func (c *ftpClient) expect(code string) (string, error) {
	line, err := c.lines.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("wait for %s: %w", code, err)
	}
	if !strings.HasPrefix(line, code+" ") {
		return "", fmt.Errorf("answer %q instead of %s", strings.TrimSpace(line), code)
	}
	return line, nil
}

// ftpAddress writes h1,h2,h3,h4,p1,p2 (RFC 959).
func ftpAddress(a netip.AddrPort) string {
	host := strings.ReplaceAll(a.Addr().String(), ".", ",")
	return fmt.Sprintf("%s,%d,%d", host, a.Port()>>8, a.Port()&0xff)
}

// parseFTPAddress finds the six numbers in a PORT command or a 227 answer.
func parseFTPAddress(line string) (netip.AddrPort, error) {
	inner := strings.TrimSpace(line)
	if _, after, ok := strings.Cut(inner, "("); ok {
		inner, _, _ = strings.Cut(after, ")")
	}
	var n [6]byte
	fields := strings.Split(inner, ",")
	if len(fields) != len(n) {
		return netip.AddrPort{}, fmt.Errorf("no address in %q", line)
	}
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 8)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("address in %q: %w", line, err)
		}
		n[i] = byte(v)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5])), nil
}

func addrPortOf(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }
