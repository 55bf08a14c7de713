package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// drones is how many of a swarm fire at one time.
const drones = 4

// raid is one kind of attack as a swarm runs it: what it prepares, and how often
// it fires that.
type raid struct {
	id, title string
	each      int // distinct requests
	times     int // each is fired
	load      func(ctx context.Context, l *lab, session string) (shot, error)
	host      string
}

func raids() []raid {
	from := map[string]raid{}
	for _, a := range attacks() {
		from[a.ID] = raid{load: func(ctx context.Context, l *lab, session string) (shot, error) { return a.load(ctx, l.w.bots, session) }, host: boardHost}
	}
	make := func(id, title string, each, times int) raid {
		r := from[id]
		r.id, r.title, r.each, r.times = id, title, each, times
		return r
	}
	return []raid{
		make("no-proof", "Flood without proofs", 1, 300),
		make("replay", "Replay what was accepted", 1, 100),
		make("copied", "Copy a proof onto other texts", 3, 30),
		make("made-up-root", "Forge a set of one’s own", 3, 30),
		make("sixth", "Make slots that do not exist", 3, 30),
		make("forged", "Tamper with proofs", 12, 4),
		{id: "double", title: "Enrol again, with noise", each: 12, times: 1, load: enrolAgain, host: issuerHost},
	}
}

// raidState is what one kind of attack came to. CPU times are of this whole
// process, in milliseconds: firing is both ends of the wire, preparing is the
// attacker's own work, proofs above all.
type raidState struct {
	ID      string           `json:"id"`
	Title   string           `json:"title"`
	Stage   string           `json:"stage"` // waiting, preparing, firing, done
	Made    int              `json:"made"`
	Fired   int              `json:"fired"`
	Passed  int              `json:"passed"`
	Broke   bool             `json:"broke,omitempty"` // it could not be played to its end
	Codes   map[api.Code]int `json:"codes"`
	MakeCPU float64          `json:"make_cpu_ms"`
	FireCPU float64          `json:"fire_cpu_ms"`
}

// lab runs one swarm at a time.
type lab struct {
	w      *world
	plan   []raid
	client *http.Client
	ctx    context.Context // ends with the demonstration
	done   sync.WaitGroup
	stop   context.CancelFunc

	mu      sync.Mutex
	running bool
	raids   []raidState
	begun   time.Time
	rate    []int // answers in each quarter of a second
}

func newLab(w *world) *lab {
	l := &lab{w: w, plan: raids()}
	l.ctx, l.stop = context.WithCancel(context.Background())
	// The swarm has an address of its own where the system has one, so that what
	// it does slows nobody else down.
	dial := net.Dialer{Timeout: 5 * time.Second}
	if probe, err := net.Listen("tcp", "127.0.0.2:0"); err == nil {
		_ = probe.Close()
		dial.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	}
	l.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial.DialContext(ctx, "tcp4", hostPort("127.0.0.1", w.cfg.port))
		},
		MaxIdleConnsPerHost: drones,
	}}
	w.onClose(func() error {
		l.stop()
		l.done.Wait()
		return nil
	})
	return l
}

// start begins a swarm; while one runs another is refused.
func (l *lab) start(rw http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	busy := l.running || l.ctx.Err() != nil
	if !busy {
		l.running, l.begun, l.rate, l.raids = true, time.Now(), nil, nil
		for _, raid := range l.plan {
			l.raids = append(l.raids, raidState{ID: raid.id, Title: raid.title, Stage: "waiting", Codes: map[api.Code]int{}})
		}
		l.done.Go(l.run)
	}
	l.mu.Unlock()
	if busy {
		l.w.problem(rw, r, &api.Error{Code: api.Overloaded, Detail: "a swarm is out already", RetryAfter: 5 * time.Second})
		return
	}
	l.state(rw, r)
}

func (l *lab) state(rw http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := json.Marshal(map[string]any{"running": l.running, "raids": l.raids, "rate": l.rate})
	if err != nil {
		l.w.logf("lab: %v", err)
		return
	}
	rw.Header().Set("Cache-Control", "no-store")
	serve.WriteJSON(rw, http.StatusOK, json.RawMessage(text))
}

// sent tells whether a swarm has been out since the start.
func (l *lab) sent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.raids) > 0
}

func (l *lab) change(i int, f func(*raidState)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.raids[i])
}

func (l *lab) run() {
	for i, raid := range l.plan {
		err := l.play(i, raid)
		if err != nil && l.ctx.Err() == nil {
			l.w.logf("lab: %s: %v", raid.id, err)
		}
		l.change(i, func(s *raidState) { s.Stage, s.Broke = "done", err != nil })
	}
	l.mu.Lock()
	l.running = false
	l.mu.Unlock()
}

// play prepares what a raid fires, and then fires it, so that the costs of both
// can be told apart.
func (l *lab) play(i int, r raid) error {
	l.change(i, func(s *raidState) { s.Stage = "preparing" })
	session := newSession()
	var shots []shot
	before := cpuTime()
	for range r.each {
		s, err := r.load(l.ctx, l, session)
		if err != nil {
			return err
		}
		shots = append(shots, s)
		l.change(i, func(s *raidState) { s.Made++ })
	}
	made := cpuTime()
	l.change(i, func(s *raidState) { s.Stage, s.MakeCPU = "firing", milliseconds(made-before) })
	g, ctx := errgroup.WithContext(l.ctx)
	g.SetLimit(drones)
	for range r.times {
		for _, s := range shots {
			g.Go(func() error { return l.fire(ctx, i, r.host, s, session, made) })
		}
	}
	return g.Wait()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (l *lab) fire(ctx context.Context, i int, host string, s shot, session string, since time.Duration) error {
	r, err := http.NewRequestWithContext(ctx, s.Method, l.w.cfg.url(host)+s.Path, bytes.NewReader([]byte(s.Body)))
	if err != nil {
		return err
	}
	for k, v := range s.Headers {
		r.Header.Set(k, v)
	}
	r.Header.Set("Origin", l.w.cfg.url(host))
	r.AddCookie(&http.Cookie{Name: sessionName, Value: session}) // #nosec G124 -- in a request, where a cookie has a name and a value only
	resp, err := l.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	var answer codedBody
	_ = json.Unmarshal(body, &answer) // an answer without a code is counted as one
	l.mu.Lock()
	defer l.mu.Unlock()
	state := &l.raids[i]
	state.Fired++
	state.Codes[answer.Code]++
	if resp.StatusCode < 300 {
		state.Passed++
	}
	state.FireCPU = milliseconds(cpuTime() - since)
	for bin := int(time.Since(l.begun) / (250 * time.Millisecond)); len(l.rate) <= bin; {
		l.rate = append(l.rate, 0)
	}
	l.rate[len(l.rate)-1]++
	return nil
}

// enrolAgain shows a face that the issuer knows: the same iris of a member of
// the crowd, captured anew, under a new secret, on a device never seen before.
func enrolAgain(ctx context.Context, l *lab, _ string) (shot, error) {
	w := l.w
	key, err := random(32)
	if err != nil {
		return shot{}, err
	}
	id := semaphore.IdentityFromKey(key)
	session, err := w.issuer.StartSession(ctx)
	if err != nil {
		return shot{}, err
	}
	nonce, err := bytes32("session", session.Nonce)
	if err != nil {
		return shot{}, err
	}
	possession, err := wallet.Possess(id, key, session.Issuer, nonce)
	if err != nil {
		return shot{}, err
	}
	envelope, err := w.strangerEnvelope(nonce, captureRequest{
		Modality: string(capture.Iris), Persona: uint64(w.bots.number()) + 1,
		Commitment: id.Commitment().String(), ConsentHash: scope.EncodeToken(w.consents[0][:]),
	})
	if err != nil {
		return shot{}, err
	}
	body, err := json.Marshal(enrolmentRequest(session.Nonce, envelope, possession))
	return shot{Method: http.MethodPost, Path: "/v1/enrolments", Headers: jsonHeader(), Body: string(body)}, err
}
