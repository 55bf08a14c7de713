// Package cosign gets an issuer's checkpoints cosigned by witnesses.
//
//	c, err := cosign.New(cosign.Config{Issuer: iss, Witnesses: map[string]string{vkey: "https://witness.example"}})
//	go c.Run(ctx)
//
// Each witness is asked on its own, over C2SP tlog-witness, as soon as a new
// checkpoint is out. Anchoring never waits for any of them: a witness that is
// down, slow or lying costs its own cosignature and nothing else. What comes
// back is checked by the issuer before it is shown (issuer.Cosign), and stored,
// so that a restart goes on from there; what was lost is asked for again.
//
// A witness that has signed a larger log than the issuer has, or another tree
// of the same size, has seen a history that this database does not hold: an old
// backup was restored, or somebody else signs with the issuer's key. State says
// so. One witness alone may be lying; if so many as Wanted say it, the issuer
// signs nothing any more. Guard asks the same before the first signature.
package cosign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/witness"
)

// Config of a Collector. Issuer and Witnesses are needed.
type Config struct {
	Issuer    *issuer.Issuer    // with the same witnesses in its Config
	Witnesses map[string]string // verifier key -> address

	Client  *http.Client                     // nil: one that follows no redirects
	Timeout time.Duration                    // of one request; 10 s
	Look    time.Duration                    // how often to look for a new checkpoint; 100 ms
	Pause   time.Duration                    // after a first failure; doubled each time up to 60 of it; 1 s
	Logf    func(format string, args ...any) // changes for the worse and the better; nil is silence
	Now     func() time.Time                 // nil: time.Now
}

// State is what is known of one witness.
type State struct {
	VKey, At string
	Size     int64     // of the log that it has signed, as far as we know
	Signed   time.Time // when it last cosigned; zero: not since the start
	Asked    uint64    // requests since the start
	Failed   uint64    // of them those without a good cosignature
	Error    string    // of the last request; empty if it went well
	Ahead    bool      // it has signed a history that we do not have
}

// Collector asks the witnesses.
type Collector struct {
	cfg  Config
	each []*one
}

type one struct {
	vkey, at string
	client   *witness.Client

	mu    sync.Mutex
	state State
}

// New makes a collector. Every witness of the issuer must have an address.
func New(cfg Config) (*Collector, error) {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&cfg.Timeout, 10*time.Second)
	set(&cfg.Look, 100*time.Millisecond)
	set(&cfg.Pause, time.Second)
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Collector{cfg: cfg}
	w := cfg.Issuer.Witnesses()
	for _, vkey := range slices.Concat(w.Signed, w.Waiting) {
		at, ok := cfg.Witnesses[vkey]
		if !ok {
			return nil, fmt.Errorf("cosign: no address of the witness %s", vkey)
		}
		client, err := witness.NewClient(at, cfg.Client)
		if err != nil {
			return nil, err
		}
		c.each = append(c.each, &one{vkey: vkey, at: at, client: client, state: State{VKey: vkey, At: at}})
	}
	slices.SortFunc(c.each, func(a, b *one) int { // as the issuer lists them
		list := cfg.Issuer.Info().Witnesses
		return slices.Index(list, a.vkey) - slices.Index(list, b.vkey)
	})
	return c, nil
}

// Run asks until ctx ends.
func (c *Collector) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, o := range c.each {
		all.Go(func() { c.follow(ctx, o) })
	}
	all.Wait()
}

// State says how the witnesses stand, in the issuer's order.
func (c *Collector) State() []State {
	out := make([]State, len(c.each))
	for n, o := range c.each {
		o.mu.Lock()
		out[n] = o.state
		o.mu.Unlock()
	}
	return out
}

// follow keeps one witness up to date.
func (c *Collector) follow(ctx context.Context, o *one) {
	tick := time.NewTicker(c.cfg.Look)
	defer tick.Stop()
	var pause time.Duration
	var seen []byte // a checkpoint with this witness's signature
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := c.cfg.Issuer.Checkpoint()
		if err != nil || bytes.Equal(now, seen) {
			continue // nothing new since it was last looked at
		}
		if !slices.Contains(c.cfg.Issuer.Witnesses().Waiting, o.vkey) {
			seen, pause = now, 0
			continue
		}
		err = c.ask(ctx, o)
		if ctx.Err() != nil {
			return
		}
		c.note(o, err)
		if errors.Is(err, errAhead) {
			c.behind()
		}
		if err == nil {
			pause = 0
			if err := c.cfg.Issuer.KeepCosignatures(ctx); err != nil && ctx.Err() == nil {
				c.cfg.Logf("cosignatures were not stored: %v", err)
			}
			continue
		}
		pause = min(max(2*pause, c.cfg.Pause), 60*c.cfg.Pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// ask brings one witness to the newest checkpoint. At first we do not know what
// it has signed: it tells.
func (c *Collector) ask(ctx context.Context, o *one) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	o.mu.Lock()
	old := o.state.Size
	o.state.Asked++
	o.mu.Unlock()
	for range 3 {
		proof, checkpoint, size, err := c.growth(ctx, old)
		if err != nil {
			return err
		}
		lines, err := o.client.Add(ctx, min(old, size), proof, checkpoint)
		var differs *witness.SizeError
		switch {
		case errors.As(err, &differs) && differs.Latest > size:
			return fmt.Errorf("%w: it has signed %d entries, and we hold %d", errAhead, differs.Latest, size)
		case errors.As(err, &differs):
			old = differs.Latest
			continue
		case errors.Is(err, witness.ErrRoot):
			return fmt.Errorf("%w: it has signed another tree of %d entries", errAhead, min(old, size))
		case err != nil:
			return err
		}
		if err := c.cfg.Issuer.Cosign(o.vkey, size, lines); err != nil {
			return err
		}
		o.mu.Lock()
		o.state.Size = size
		o.mu.Unlock()
		return nil
	}
	return errors.New("cosign: the witness does not say what it has signed")
}

func (c *Collector) growth(ctx context.Context, old int64) (tlog.TreeProof, []byte, int64, error) {
	return c.cfg.Issuer.Growth(ctx, old)
}

var errAhead = errors.New("cosign: the witness knows another history of this log; was an old backup restored?")

// note writes down what an answer was, and logs a change.
func (c *Collector) note(o *one, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.state.Error
	o.state.Ahead = errors.Is(err, errAhead)
	if err == nil {
		o.state.Error, o.state.Signed = "", c.cfg.Now()
		if was != "" {
			c.cfg.Logf("witness %s cosigns again", o.at)
		}
		return
	}
	o.state.Failed++
	o.state.Error = err.Error()
	if was == "" || o.state.Ahead {
		c.cfg.Logf("witness %s: %v", o.at, err)
	}
}
