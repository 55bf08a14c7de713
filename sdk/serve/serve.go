// Package serve starts HTTP servers that stay up: bounded in time, size and
// headers, with request ids, answers in problem+json and a graceful stop. It
// knows nothing of proofs or people.
//
//	h := serve.Chain(mux, serve.RequestID(rand.Reader), serve.Recover(logf))
//	err := serve.Run(ctx, listener, h, serve.Options{})
//
// Run blocks until ctx ends and the requests in flight are answered.
package serve

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"
)

// Options bound a server. Zero values are good defaults.
type Options struct {
	HeaderTimeout time.Duration // to read the headers of a request; 5 s
	ReadTimeout   time.Duration // to read a whole request; 15 s
	WriteTimeout  time.Duration // to handle and answer; 60 s
	IdleTimeout   time.Duration // between requests on one connection; 60 s
	StopTimeout   time.Duration // for requests in flight at the end; 10 s
	MaxHeader     int           // bytes of headers; 16 KiB
	ErrorLog      *log.Logger   // connection errors of net/http; nil is silence
}

func (o *Options) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.HeaderTimeout, 5*time.Second)
	set(&o.ReadTimeout, 15*time.Second)
	set(&o.WriteTimeout, 60*time.Second)
	set(&o.IdleTimeout, 60*time.Second)
	set(&o.StopTimeout, 10*time.Second)
	if o.MaxHeader == 0 {
		o.MaxHeader = 16 << 10
	}
	if o.ErrorLog == nil {
		o.ErrorLog = log.New(discard{}, "", 0)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Run serves h on l until ctx ends, then waits up to StopTimeout for requests
// in flight. It returns nil after a graceful stop and closes l in any case.
func Run(ctx context.Context, l net.Listener, h http.Handler, o Options) error {
	o.defaults()
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: o.HeaderTimeout,
		ReadTimeout:       o.ReadTimeout,
		WriteTimeout:      o.WriteTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    o.MaxHeader,
		ErrorLog:          o.ErrorLog,
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.StopTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(err, srv.Close())
	}
	return nil
}
