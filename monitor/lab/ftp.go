//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
)

// FTP is one FTP session with one transfer.
type FTP struct {
	From  *Namespace     // nil is the client
	Local netip.AddrPort // source of the control connection
	Bytes int            // size of the transferred file
	// Passive makes the client open the data connection. Otherwise the server connects
	// to the address in the PORT command, which the gateway's helper has translated.
	Passive bool
}

// FTPOnce fetches a file from the server (PORT or PASV, RETR, QUIT) and returns the
// source address of the control connection. With Config.Helpers the gateway expects the
// data connection and records its master. Without, only a passive transfer works.
func (l *Lab) FTPOnce(ctx context.Context, f FTP) (netip.AddrPort, error) {
	from := l.orClient(f.From)
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	conn, err := from.DialTCP(ctx, f.Local, ServerFTP)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("ftp from %s: %w", from.name, err)
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	c := &ftpClient{from, conn, textproto.NewConn(conn)}
	if err := c.run(ctx, f); err != nil {
		return addrPortOf(conn.LocalAddr()), fmt.Errorf("ftp from %s: %w", from.name, err)
	}
	return addrPortOf(conn.LocalAddr()), nil
}

type ftpClient struct {
	ns      *Namespace
	conn    *net.TCPConn
	control *textproto.Conn
}

func (c *ftpClient) run(ctx context.Context, f FTP) error {
	if _, _, err := c.control.ReadCodeLine(220); err != nil {
		return err
	}
	if _, err := c.command("USER anonymous", 230); err != nil {
		return err
	}
	transfer := c.active
	if f.Passive {
		transfer = c.passive
	}
	if err := transfer(ctx, f.Bytes); err != nil {
		return err
	}
	if _, err := c.command("QUIT", 221); err != nil {
		return err
	}
	return finish(c.conn)
}

// command sends a command and returns the text of the answer, which must have the code.
func (c *ftpClient) command(line string, code int) (string, error) {
	if err := c.control.PrintfLine("%s", line); err != nil {
		return "", err
	}
	_, text, err := c.control.ReadCodeLine(code)
	return text, err
}

func (c *ftpClient) passive(ctx context.Context, n int) error {
	answer, err := c.command("PASV", 227)
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
	defer data.Close()
	if _, err := c.command("RETR "+strconv.Itoa(n), 150); err != nil {
		return err
	}
	return c.receive(ctx, data, n)
}

func (c *ftpClient) active(ctx context.Context, n int) error {
	listener, err := c.ns.ListenTCP(netip.AddrPortFrom(addrPortOf(c.conn.LocalAddr()).Addr(), 0))
	if err != nil {
		return err
	}
	defer listener.Close()
	if _, err := c.command("PORT "+ftpAddress(addrPortOf(listener.Addr())), 200); err != nil {
		return err
	}
	// If the server cannot connect, its answer has another code.
	if _, err := c.command("RETR "+strconv.Itoa(n), 150); err != nil {
		return err
	}
	defer endWith(ctx, listener)()
	data, err := listener.AcceptTCP()
	if err != nil {
		return err
	}
	defer data.Close()
	return c.receive(ctx, data, n)
}

// receive reads the whole file.
func (c *ftpClient) receive(ctx context.Context, data *net.TCPConn, n int) error {
	defer endWith(ctx, data)()
	got, err := io.Copy(io.Discard, data)
	if err != nil {
		return err
	}
	if got != int64(n) {
		return fmt.Errorf("%d bytes of %d arrived", got, n)
	}
	_, _, err = c.control.ReadCodeLine(226)
	return err
}

// ftpAddress writes h1,h2,h3,h4,p1,p2 (RFC 959).
func ftpAddress(a netip.AddrPort) string {
	host := strings.ReplaceAll(a.Addr().String(), ".", ",")
	return fmt.Sprintf("%s,%d,%d", host, a.Port()>>8, a.Port()&0xff)
}

// parseFTPAddress reads the six numbers of a PORT command or of an answer 227.
func parseFTPAddress(text string) (netip.AddrPort, error) {
	if _, after, ok := strings.Cut(text, "("); ok {
		text, _, _ = strings.Cut(after, ")")
	}
	var n [6]byte
	fields := strings.Split(text, ",")
	if len(fields) != len(n) {
		return netip.AddrPort{}, fmt.Errorf("no address in %q", text)
	}
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 8)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("address in %q: %w", text, err)
		}
		n[i] = byte(v)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5])), nil
}
