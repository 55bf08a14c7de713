package party

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// Options of a Server. All but Logf must be set.
type Options struct {
	Now  func() time.Time
	Rand io.Reader // a cryptographic source
	// Timeout is how long the others may take for one message, their computation
	// before it included.
	Timeout time.Duration
	// Logf gets what an operator should see: no serials, no captures.
	Logf func(format string, args ...any)
	// Took gets each call of the issuer, its code ("" if it went well) and how long
	// it took. nil: nobody is told.
	Took func(call, code string, d time.Duration)
}

const (
	handshake   = 10 * time.Second
	maxConns    = 64
	maxMeetings = 8
)

// Server answers the issuer and computes with the other two.
type Server struct {
	folder *Folder
	Options
	prev int
	next int

	mu       sync.Mutex
	meetings map[[16]byte]chan net.Conn // where connections of the party before are awaited
	order    [][16]byte                 // of their names, the oldest first
}

// NewServer makes a server for a folder, which it does not close.
func NewServer(f *Folder, o Options) (*Server, error) {
	if f == nil || o.Now == nil || o.Rand == nil || o.Timeout <= 0 {
		return nil, fmt.Errorf("%w: options", mpc.ErrConfig)
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Took == nil {
		o.Took = func(string, string, time.Duration) {}
	}
	return &Server{folder: f, Options: o, next: (f.number + 1) % 3, prev: (f.number + 2) % 3, meetings: map[[16]byte]chan net.Conn{}}, nil
}

// Serve accepts connections until ctx ends, which is no error. It closes l. When
// it returns, nothing computes any more.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	control := &queue{from: l.Addr(), conns: make(chan net.Conn), done: make(chan struct{})}
	web := &http.Server{
		Handler: s.handler(), BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: handshake, ReadTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: nil,
	}
	var unused unusedConns
	web.ConnState = unused.note
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { _ = web.Serve(control) })
	room := make(chan struct{}, maxConns)
	var err error
	for {
		conn, failed := l.Accept()
		if failed != nil {
			if ctx.Err() == nil {
				err = fmt.Errorf("party: %w", failed)
			}
			break
		}
		select {
		case room <- struct{}{}:
			all.Go(func() {
				defer func() { <-room }()
				s.welcome(ctx, conn, control)
			})
		default:
			_ = conn.Close()
		}
	}
	_ = l.Close()
	s.folder.disconnect()
	aside, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Timeout)
	defer cancel()
	_ = control.Close()
	unused.close()
	err = errors.Join(err, web.Shutdown(aside))
	all.Wait()
	return err
}

// unusedConns are connections on which nothing was asked yet. The server of
// net/http would wait five seconds for a question before it stops.
type unusedConns struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
	over  bool
}

func (u *unusedConns) note(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.conns, c)
	case u.over:
		_ = c.Close()
	default:
		if u.conns == nil {
			u.conns = map[net.Conn]bool{}
		}
		u.conns[c] = true
	}
}

// close ends them, and those that come.
func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	for c := range u.conns {
		_ = c.Close()
	}
}

// welcome finds out who came, and hands the connection over.
func (s *Server) welcome(ctx context.Context, conn net.Conn, control *queue) {
	shaking, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	secured, who, err := wire.Server(shaking, conn, s.folder.keys.Link, s.folder.group.front, s.folder.group.links[s.prev])
	if err != nil {
		s.Logf("party: somebody was turned away: %v", err)
		return
	}
	if who == s.folder.group.front {
		control.put(secured)
		return
	}
	var id [16]byte
	_ = secured.SetReadDeadline(time.Now().Add(handshake))
	if _, err := io.ReadFull(secured, id[:]); err != nil {
		_ = secured.Close()
		return
	}
	s.arrive(id, secured)
}

// arrive puts a connection where it is awaited.
func (s *Server) arrive(id [16]byte, c net.Conn) {
	meeting := s.meeting(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.meetings[id] != meeting { // given up meanwhile
		_ = c.Close()
		return
	}
	select {
	case meeting <- c:
	default: // somebody else came under that name
		_ = c.Close()
	}
}

// meeting gives the place where the two ends of a connection meet, for whoever of
// them comes first. One that nobody comes to ends by itself, or when many newer
// ones are being opened: an issuer that tries again and again is not kept out by
// what it has given up.
func (s *Server) meeting(id [16]byte) chan net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.meetings[id]; m != nil {
		return m
	}
	if len(s.order) >= maxMeetings {
		s.forget(s.order[0])
	}
	m := make(chan net.Conn, 1)
	s.meetings[id] = m
	s.order = append(s.order, id)
	time.AfterFunc(s.Timeout, func() { s.leave(id) })
	return m
}

// leave ends a meeting, if it is not over.
func (s *Server) leave(id [16]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(id)
}

func (s *Server) forget(id [16]byte) {
	m := s.meetings[id]
	if m == nil {
		return
	}
	delete(s.meetings, id)
	s.order = slices.DeleteFunc(s.order, func(other [16]byte) bool { return other == id })
	select {
	case late := <-m:
		_ = late.Close()
	default:
	}
}

// connect opens a session of the three under a name that the issuer drew, and
// gives the first number that none of them has used.
func (s *Server) connect(ctx context.Context, id [16]byte) (first uint64, err error) {
	if _, e := s.folder.now(); e.settled() != nil {
		return 0, e.settled()
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	meeting := s.meeting(id)
	defer s.leave(id)
	g := s.folder.group
	tcp, err := new(net.Dialer).DialContext(ctx, "tcp", g.Parties[s.next].Address)
	if err != nil {
		return 0, fmt.Errorf("%w: party %d: %w", ErrUnavailable, s.next, err)
	}
	next, err := wire.Client(ctx, tcp, s.folder.keys.Link, g.links[s.next])
	if err != nil {
		return 0, fmt.Errorf("%w: party %d: %w", ErrUnavailable, s.next, err)
	}
	_ = next.SetWriteDeadline(time.Now().Add(handshake))
	if _, err := next.Write(id[:]); err != nil {
		_ = next.Close()
		return 0, fmt.Errorf("%w: party %d: %w", ErrUnavailable, s.next, err)
	}
	select {
	case prev := <-meeting:
		session, err := mpc.Open(ctx, mpc.Config{Party: s.folder.number, Next: next, Prev: prev, Rand: s.Rand, Mark: s.folder.mark, Timeout: s.Timeout})
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		p, done, err := s.folder.enter()
		if err != nil {
			return 0, errors.Join(err, session.Close())
		}
		defer done()
		return session.First(), p.Connect(session)
	case <-ctx.Done():
		_ = next.Close()
		return 0, fmt.Errorf("%w: party %d did not come: %w", ErrUnavailable, s.prev, context.Cause(ctx))
	}
}

// queue is a listener of connections that are there already.
type queue struct {
	from  net.Addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

// plainConn hides that the connection is TLS: net/http would look for its own
// protocols in it.
type plainConn struct{ net.Conn }

func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- plainConn{c}:
	case <-q.done:
		_ = c.Close()
	}
}

// Accept gives the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close ends the queue.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr is that of the listener that they came from.
func (q *queue) Addr() net.Addr { return q.from }
