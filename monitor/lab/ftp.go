//go:build linux

package lab

import (
	"cmp"
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
	from := cmp.Or(f.From, l.Client)
	control := TCP{From: from, Local: f.Local, To: ServerFTP}
	return l.connection(ctx, control, func(ctx context.Context, conn *net.TCPConn) error {
		c := &ftpClient{Conn: textproto.NewConn(conn)}
		c.ask("", 220)
		c.ask("USER anonymous", 230)
		var open func() (*net.TCPConn, error) // the data connection
		if f.Passive {
			at, err := parseFTPAddress(c.ask("PASV", 227))
			c.err = cmp.Or(c.err, err)
			open = func() (*net.TCPConn, error) { return from.DialTCP(ctx, netip.AddrPort{}, at) }
		} else {
			listener, err := from.ListenTCP(netip.AddrPortFrom(addrPortOf(conn.LocalAddr()).Addr(), 0))
			if err != nil {
				return err
			}
			defer listener.Close()
			defer endWith(ctx, listener)()
			c.ask("PORT "+ftpAddress(addrPortOf(listener.Addr())), 200)
			open = listener.AcceptTCP
		}
		c.ask("RETR "+strconv.Itoa(f.Bytes), 150)
		if c.err != nil {
			return c.err
		}
		data, err := open()
		if err != nil {
			return err
		}
		defer data.Close()
		defer endWith(ctx, data)()
		got, err := io.Copy(io.Discard, data)
		if err == nil && got != int64(f.Bytes) {
			err = fmt.Errorf("%d bytes of %d arrived", got, f.Bytes)
		}
		c.ask("", 226)
		c.ask("QUIT", 221)
		return cmp.Or(err, c.err)
	})
}

// ftpClient is the client's side of a control connection.
type ftpClient struct {
	*textproto.Conn
	err error // the first one
}

// ask sends a command, unless it is empty, and returns the text of the answer, which must
// have the code. It does nothing after an error.
func (c *ftpClient) ask(command string, code int) (text string) {
	if c.err == nil && command != "" {
		c.err = c.PrintfLine("%s", command)
	}
	if c.err == nil {
		_, text, c.err = c.ReadCodeLine(code)
	}
	return text
}

// ftpDataPort is the source port of a server's data connections (RFC 959).
const ftpDataPort = 20

// answerFTP is the server's side of FTPOnce.
func (l *Lab) answerFTP(conn *net.TCPConn) error {
	c := textproto.NewConn(conn)
	var active netip.AddrPort    // of PORT
	var passive *net.TCPListener // of PASV
	for answer := "220 lab"; ; {
		if err := c.PrintfLine("%s", answer); err != nil {
			return err
		}
		line, err := c.ReadLine()
		if err == io.EOF {
			return ackNow(conn) // the client closes first, as in serveRequests
		}
		command, arg, _ := strings.Cut(line, " ")
		switch {
		case err != nil:
			return err
		case command == "USER":
			answer = "230 welcome"
		case command == "PORT":
			answer = "200 ok"
			active, err = parseFTPAddress(arg)
		case command == "PASV":
			if passive, err = l.Server.ListenTCP(netip.AddrPortFrom(ServerIP, 0)); err == nil {
				defer passive.Close()
				answer = fmt.Sprintf("227 entering passive mode (%s)", ftpAddress(addrPortOf(passive.Addr())))
			}
		case command == "RETR":
			answer = "226 done"
			if err = c.PrintfLine("150 sending"); err == nil {
				err = l.sendFile(arg, passive, active)
			}
		case command == "QUIT":
			answer = "221 bye"
		default:
			answer = "502 unknown command"
		}
		if err != nil {
			answer = fmt.Sprintf("425 %s", err)
		}
	}
}

// sendFile sends a file, whose name is its size in bytes, by a connection that it accepts
// if passive is not nil, and otherwise opens.
func (l *Lab) sendFile(name string, passive *net.TCPListener, active netip.AddrPort) error {
	size, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.life, actionTimeout)
	defer cancel()
	var data *net.TCPConn
	if passive != nil {
		defer endWith(ctx, passive)()
		data, err = passive.AcceptTCP()
	} else {
		data, err = l.Server.DialTCP(ctx, netip.AddrPortFrom(ServerIP, ftpDataPort), active)
	}
	if err != nil {
		return err
	}
	defer data.Close()
	defer endWith(ctx, data)()
	_, err = io.CopyN(data, zeros{}, int64(size))
	return err
}

// ftpAddress writes h1,h2,h3,h4,p1,p2 (RFC 959).
func ftpAddress(a netip.AddrPort) string {
	host := strings.ReplaceAll(a.Addr().String(), ".", ",")
	return fmt.Sprintf("%s,%d,%d", host, a.Port()>>8, a.Port()&0xff)
}

// parseFTPAddress reads the six numbers of a PORT command or of an answer 227.
func parseFTPAddress(text string) (netip.AddrPort, error) {
	var ip [4]byte
	var high, low byte
	numbers := text[strings.IndexByte(text, '(')+1:]
	_, err := fmt.Sscanf(numbers, "%d,%d,%d,%d,%d,%d", &ip[0], &ip[1], &ip[2], &ip[3], &high, &low)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address in %q: %w", text, err)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(high)<<8|uint16(low)), nil
}
