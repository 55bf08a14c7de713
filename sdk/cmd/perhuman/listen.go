package main

import (
	"context"
	"errors"
	"net"
)

// listen opens a service's address and, unless admin is empty, its operator's.
func listen(ctx context.Context, addr, admin string) (public, operator net.Listener, err error) {
	var c net.ListenConfig
	if admin != "" {
		if operator, err = c.Listen(ctx, "tcp", admin); err != nil {
			return nil, nil, err
		}
	}
	if public, err = c.Listen(ctx, "tcp", addr); err != nil {
		if operator != nil {
			err = errors.Join(err, operator.Close())
		}
		return nil, nil, err
	}
	return public, operator, nil
}
