//go:build linux

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ftpSession is the server's side of FTPOnce.
type ftpSession struct {
	l    *Lab
	conn *net.TCPConn
	// data opens the data connection that PORT or PASV agreed on.
	data func(context.Context) (*net.TCPConn, error)
	// listener is PASV's; the session closes it.
	listener *net.TCPListener
}

// errFTPEnd ends a session after QUIT.
var errFTPEnd = errors.New("quit")

func (l *Lab) answerFTP(conn *net.TCPConn) error {
	s := &ftpSession{l: l, conn: conn}
	defer s.forget()
	if err := s.say("220 lab"); err != nil {
		return err
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		word, arg, _ := strings.Cut(lines.Text(), " ")
		err := s.do(word, arg)
		if errors.Is(err, errFTPEnd) {
			// The client closes first, as in answer.
			_, err = io.Copy(io.Discard, conn)
			return errors.Join(err, ackNow(conn))
		}
		if err != nil {
			return errors.Join(err, s.say("425 "+err.Error()))
		}
	}
	return nil
}

func (s *ftpSession) do(word, arg string) error {
	switch word {
	case "USER":
		return s.say("230 welcome")
	case "PORT":
		return s.port(arg)
	case "PASV":
		return s.pasv()
	case "RETR":
		return s.retr(arg)
	case "QUIT":
		return errors.Join(s.say("221 bye"), errFTPEnd)
	}
	return s.say("502 not here")
}

func (s *ftpSession) say(line string) error {
	_, err := io.WriteString(s.conn, line+"\r\n")
	return err
}

func (s *ftpSession) port(arg string) error {
	to, err := parseFTPAddress(arg)
	if err != nil {
		return err
	}
	s.data = func(ctx context.Context) (*net.TCPConn, error) {
		return s.l.Server.DialTCP(ctx, netip.AddrPortFrom(ServerIP, ftpDataPort), to)
	}
	return s.say("200 ok")
}

// ftpDataPort is where a server's data connections come from (RFC 959).
const ftpDataPort = 20

func (s *ftpSession) pasv() error {
	s.forget()
	listener, err := s.l.Server.ListenTCP(netip.AddrPortFrom(ServerIP, 0))
	if err != nil {
		return err
	}
	if !s.l.own(listener) {
		return net.ErrClosed
	}
	s.listener = listener
	s.data = func(ctx context.Context) (*net.TCPConn, error) {
		stop := context.AfterFunc(ctx, func() { _ = listener.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		return listener.AcceptTCP()
	}
	return s.say(fmt.Sprintf("227 entering passive mode (%s)", ftpAddress(addrPortOf(listener.Addr()))))
}

// forget closes what PASV left open.
func (s *ftpSession) forget() {
	if s.listener != nil {
		s.l.disown(s.listener)
		s.listener = nil
	}
}

// retr sends as many bytes as the file's name says.
func (s *ftpSession) retr(name string) error {
	size, err := strconv.ParseUint(name, 10, 32)
	if err != nil || s.data == nil {
		return s.say("503 PORT or PASV and a number first")
	}
	ctx, cancel := context.WithTimeout(s.l.life, actionTimeout)
	defer cancel()
	data, err := s.data(ctx)
	if err != nil {
		return err
	}
	if !s.l.own(data) {
		return net.ErrClosed
	}
	err = s.say("150 here it comes")
	if err == nil {
		err = sendBytes(data, size)
	}
	s.l.disown(data)
	if err != nil {
		return err
	}
	return s.say("226 done")
}
