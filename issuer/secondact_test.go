package issuer_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
)

// greedy is one person who wants to act twice: at random times it recovers to
// new secrets, vetoes, deletes itself, comes back, and enrols again and again,
// and at every moment it tries every secret it ever had at verifiers whose heads
// are as old, and whose clocks as wrong, as the rules allow.
type greedy struct {
	t       *testing.T
	w       *testkit.World
	i       *issuer.Issuer
	rand    *rand.Rand
	secrets []*testkit.Person
	next    uint64

	fresh, lagging *setlog.Follower
	lagged         time.Time // when lagging last heard
	roots          []heldRoot
	seq            uint64
	announcement   *uint64
	did            map[string]int // what it managed to do
}

// heldRoot is a published root and the secrets that are under it.
type heldRoot struct {
	root semaphore.Element
	held []int
}

func newGreedy(t *testing.T, seed uint64) *greedy {
	g := &greedy{t: t, w: testkit.NewWorld(t, 1), rand: rand.New(rand.NewPCG(seed, 4)), did: map[string]int{}} // #nosec G404 -- repeatable
	pick := func(d ...time.Duration) time.Duration { return d[g.rand.IntN(len(d))] }
	store := openStore(t, filepath.Join(t.TempDir(), "issuer.db"))
	g.i = open(t, g.w, store, func(c *issuer.Config) {
		p := *c.Capture
		p.Accept = map[capture.Modality]capture.Gates{capture.Face: p.Accept[capture.Face]} // one kind of evidence: bound 1
		c.Capture, c.Anchor, c.Window = &p, time.Minute, pick(time.Minute, 5*time.Minute, 20*time.Minute)
		c.Life = issuer.Life{
			RekeyPeriod: pick(30*time.Minute, hour), Cooldown: pick(5*time.Minute, 40*time.Minute, 2*hour), ReentryDelay: pick(20*time.Minute, hour),
		}
	})
	enrolCrowd(t, g.w, g.i, 900, 3)
	cfg := setlog.FollowerConfig{VKey: g.w.VKey, Window: time.Duration(g.i.Info().Window) * time.Second}
	var err error
	if g.fresh, err = setlog.NewFollower(cfg); err == nil {
		g.lagging, err = setlog.NewFollower(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *greedy) another() *testkit.Person {
	g.next++
	p := testkit.NewPerson(1).Again(10_000 + g.next)
	g.secrets = append(g.secrets, p)
	return p
}

// act tries one of the ways to another secret. Refusals are the rule.
func (g *greedy) act() {
	ctx := g.t.Context()
	var name string
	var err error
	last := len(g.secrets) - 1
	switch g.rand.IntN(6) {
	case 0, 1:
		name = "enrol"
		_, err = g.i.Enrol(ctx, g.w.Start(g.t, g.i, g.another()))
	case 2, 3:
		name = "recover"
		var r api.Recovery
		r, _, err = g.i.Recover(ctx, g.w.Recovery(g.t, g.i, g.another()))
		if err == nil {
			g.announcement = r.Announcement
		}
	case 4:
		if name = "delete"; last < 0 {
			return
		}
		_, _, err = g.i.Delete(ctx, testkit.Deletion(g.t, g.i, g.secrets[g.rand.IntN(last+1)].ID))
	default:
		if name = "veto"; last < 0 || g.announcement == nil || g.rand.IntN(3) > 0 {
			return
		}
		_, err = g.i.Veto(ctx, fmt.Sprint(*g.announcement), testkit.Veto(g.t, g.secrets[g.rand.IntN(last+1)].ID, *g.announcement))
	}
	if err == nil {
		g.did[name]++
	} else if c := code(err); c.Retryable() || c == api.Internal {
		g.t.Fatalf("%s: %v", name, err)
	}
}

// step lets a while pass as Run would, and lets the followers hear: one at once,
// the other as late as its rules allow.
func (g *greedy) step() {
	g.w.Clock.Move(time.Duration(20+g.rand.IntN(40)) * time.Second)
	if err := g.i.Release(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	if g.rand.IntN(8) > 0 { // sometimes the anchor is late
		if _, err := g.i.Anchor(g.t.Context()); err != nil {
			g.t.Fatal(err)
		}
	}
	h := head(g.t, g.w, g.i)
	if h.Seq != g.seq {
		g.seq = h.Seq
		held := heldRoot{root: h.Root}
		for n, p := range g.secrets {
			if leafIndex(g.t, g.i, p) >= 0 {
				held.held = append(held.held, n)
			}
		}
		if len(held.held) > 1 {
			g.t.Fatalf("two secrets of one person are in the set: %v", held.held)
		}
		g.roots = append(g.roots, held)
	}
	now := g.w.Clock.Now()
	g.hear(g.fresh)
	if now.Sub(g.lagged) > setlog.DefaultMaxStaleness-70*time.Second {
		g.lagged = now
		g.hear(g.lagging)
	}
}

func (g *greedy) hear(f *setlog.Follower) {
	signed, err := g.i.Head()
	if err != nil {
		g.t.Fatal(err)
	}
	fetch := func(path string) ([]byte, error) {
		tile, err := setlog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		return g.i.Tile(g.t.Context(), tile)
	}
	if err := f.Update(signed.Note, g.w.Clock.Now(), fetch); err != nil {
		g.t.Fatal(err)
	}
}

// usable gives the secrets that some verifier would take at this moment, by its
// own clock.
func (g *greedy) usable(visit func(secret int, at time.Time)) {
	for _, f := range []*setlog.Follower{g.fresh, g.lagging} {
		for _, skew := range []time.Duration{-29 * time.Second, 0, 29 * time.Second} {
			at := g.w.Clock.Now().Add(skew)
			for _, r := range g.roots {
				if len(r.held) == 0 {
					continue
				}
				if _, err := f.Root(r.root, at); err == nil {
					visit(r.held[0], at)
				}
			}
		}
	}
}

// No path to a new secret gives a second act inside a period that is sold as
// bound 1, and never more than the bound in any other; over a moving set
// without periods somebody looks new at most once per renewal; and under a
// frozen root there is one secret for ever.
func TestNoSecondAct(t *testing.T) {
	scenarios := uint64(5)
	if testing.Short() { // under the race detector
		scenarios = 3
	}
	if os.Getenv("PERHUMAN_LONG") == "1" {
		scenarios = 150
	}
	did, second := map[string]int{}, 0
	for seed := range scenarios {
		g := newGreedy(t, seed)
		lengths := []time.Duration{hour, 30 * time.Minute, 20 * time.Minute, 10 * time.Minute, 25 * time.Minute, 3 * hour, 7 * hour}
		acts := map[string]map[int]bool{} // by period: the secrets used
		bounds := map[string]uint32{}
		ever := map[int]time.Time{} // by secret: first used
		for range 600 {
			if g.rand.IntN(6) == 0 {
				g.act()
			}
			g.step()
			g.usable(func(secret int, at time.Time) {
				if _, ok := ever[secret]; !ok {
					ever[secret] = at
				}
				for _, length := range lengths {
					p := scope.PerEpoch(length, 1)
					key := fmt.Sprint(length, p.Period(at).Start)
					if acts[key] == nil {
						b, err := verifier.BoundOf(g.i.Info(), p)
						if err != nil {
							t.Fatal(err)
						}
						acts[key], bounds[key] = map[int]bool{}, b.Secrets
					}
					acts[key][secret] = true
				}
			})
		}
		for key, secrets := range acts {
			if uint32(len(secrets)) > bounds[key] {
				t.Errorf("seed %d: %d acts in the period %s, bound %d; %+v", seed, len(secrets), key, bounds[key], g.i.Info())
			}
			if bounds[key] > 1 && len(secrets) > 1 {
				second++
			}
		}
		b, err := verifier.BoundOf(g.i.Info(), scope.Once())
		if err != nil {
			t.Fatal(err)
		}
		firsts := make([]time.Time, 0, len(ever))
		for _, at := range ever {
			firsts = append(firsts, at)
		}
		for n, a := range firsts {
			for _, b2 := range firsts[n+1:] {
				if d := a.Sub(b2).Abs(); d < time.Duration(b.Renewal)*time.Second-time.Minute {
					t.Errorf("seed %d: two secrets within %s, renewal %d s", seed, d, b.Renewal)
				}
			}
		}
		for k, n := range g.did {
			did[k] += n
		}
	}
	// The control: this person does get new secrets, in all ways, and where the
	// bound says that it can act again, it does.
	for _, way := range []string{"enrol", "recover", "delete", "veto"} {
		if did[way] == 0 {
			t.Errorf("nobody managed to %s", way)
		}
	}
	if second == 0 {
		t.Error("no period with a higher bound saw a second act: the search is too weak")
	}
	t.Logf("%v, %d periods with a second act where the bound says so", did, second)
}
