//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
)

// ftpSession is the server's side of FTPOnce.
type ftpSession struct {
	l       *Lab
	control *textproto.Conn
	passive *net.TCPListener // of PASV, or nil
	active  netip.AddrPort   // of PORT
}

// ftpDataPort is the source port of a server's data connections (RFC 959).
const ftpDataPort = 20

func (l *Lab) answerFTP(conn *net.TCPConn) error {
	s := &ftpSession{l: l, control: textproto.NewConn(conn)}
	defer s.closePassive()
	answer := "220 lab"
	for {
		if err := s.control.PrintfLine("%s", answer); err != nil {
			return err
		}
		if strings.HasPrefix(answer, "221") {
			// The client closes first, as in serveRequests.
			_, err := io.Copy(io.Discard, conn)
			return errors.Join(err, ackNow(conn))
		}
		line, err := s.control.ReadLine()
		if err != nil {
			return err
		}
		command, arg, _ := strings.Cut(line, " ")
		if answer, err = s.do(command, arg); err != nil {
			return errors.Join(err, s.control.PrintfLine("425 %s", err))
		}
	}
}

// do runs a command and returns the answer to it.
func (s *ftpSession) do(command, arg string) (answer string, err error) {
	switch command {
	case "USER":
		return "230 welcome", nil
	case "PORT":
		s.active, err = parseFTPAddress(arg)
		return "200 ok", err
	case "PASV":
		s.closePassive()
		if s.passive, err = s.l.Server.ListenTCP(netip.AddrPortFrom(ServerIP, 0)); err != nil {
			return "", err
		}
		return fmt.Sprintf("227 entering passive mode (%s)", ftpAddress(addrPortOf(s.passive.Addr()))), nil
	case "RETR":
		return "226 done", s.send(arg)
	case "QUIT":
		return "221 bye", nil
	}
	return "502 unknown command", nil
}

func (s *ftpSession) closePassive() {
	if s.passive != nil {
		s.passive.Close()
		s.passive = nil
	}
}

// send sends a file, whose name is its size in bytes.
func (s *ftpSession) send(name string) error {
	size, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.l.life, actionTimeout)
	defer cancel()
	var data *net.TCPConn
	if s.passive != nil {
		defer endWith(ctx, s.passive)()
		data, err = s.passive.AcceptTCP()
	} else {
		data, err = s.l.Server.DialTCP(ctx, netip.AddrPortFrom(ServerIP, ftpDataPort), s.active)
	}
	if err != nil {
		return err
	}
	defer data.Close()
	defer endWith(ctx, data)()
	if err := s.control.PrintfLine("150 sending %d bytes", size); err != nil {
		return err
	}
	return sendBytes(data, size)
}
