package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// The three origins. Browsers resolve names under .localhost to this machine
// and treat them as secure contexts, and the names differ, as passkeys demand.
const (
	boardHost  = "agora.localhost"
	walletHost = "wallet.localhost"
	issuerHost = "issuer.localhost"
)

func (c *config) rp() string             { return hostPort(boardHost, c.port) }
func (c *config) url(host string) string { return "http://" + hostPort(host, c.port) }

// hostPort writes a host as browsers do, without the default port.
func hostPort(host string, port int) string {
	if port == 80 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// open settles the port, opens it and keeps it.
func (c *config) open() (net.Listener, error) {
	if err := c.settlePort(); err != nil {
		return nil, err
	}
	l, err := c.listen()
	if err != nil {
		return nil, err
	}
	if err := c.keepPort(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// listen opens the port on loopback, and on nothing else.
func (c *config) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is busy: another program listens there. Stop it, or start over on another port with -port N -var OTHER_FOLDER (the port is part of every proof, so it is never changed silently)", c.port)
	}
	if errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("port %d needs more rights than this process has; choose one above 1023", c.port)
	}
	return l, err
}
