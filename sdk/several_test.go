package sdk_test

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
	"github.com/perhuman/perhuman/verifier/sqlite"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// withSecond adds the issuer who enrolled the same people in another order.
func withSecond(t *testing.T, all bool) (func(*sdk.Config), *verifiertest.Log) {
	t.Helper()
	log := verifiertest.Two().NewLog(t, "second.localhost/people", noon)
	log.Publish(t, noon)
	srv := httptest.NewServer(log)
	t.Cleanup(srv.Close)
	return func(c *sdk.Config) {
		c.Issuers = append(c.Issuers, log.VKey)
		c.At[log.Name] = srv.URL
		if all {
			c.Require, c.Issuers = c.Issuers, nil
		}
	}, log
}

// A AND B, over HTTP and two real logs: two proofs in one response are one act.
func TestGateRequiresAll(t *testing.T) {
	second, log := withSecond(t, true)
	s := newSite(t, second)
	c := s.challenge("vote")
	a := s.answer(0, "vote", sdk.Once(), 0, c, raw(body))
	one, _, _ := strings.Cut(a, ".")
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 403, api.IssuerMissing)
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", one+"."+a), 403, api.IssuerMissing) // the same proof twice
	sc := must(scope.Compute(rp, "vote", scope.Period{}, 0))
	message := scope.Message(raw(body), scope.ChallengeDigest(must(scope.DecodeToken(c))))
	other := verifiertest.Two().Prove(t, 0, message, sc)
	both := one + "." + must(other.Packed()) + "." + c
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", both), 201, "")
	if who := s.last; len(who.And) != 1 || who.And[0].Nullifier.String() != who.Nullifier || who.Verdict.Bound != 1 {
		t.Errorf("%+v", who)
	}
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", both), 403, api.ChallengeAlreadyUsed)
	var known api.WellKnown
	if err := json.Unmarshal(s.do("GET", "/.well-known/perhuman.json", "").Body.Bytes(), &known); err != nil || !known.All || len(known.Issuers) != 2 || known.Issuers[1] != log.VKey {
		t.Errorf("%+v %v", known, err)
	}
	if _, vkey, err := s.gate.RootProof(t.Context(), other.MerkleTreeRoot); err != nil || vkey != log.VKey {
		t.Errorf("%s %v", vkey, err)
	}
}

// A OR B: the bound is the sum of what both say, and one secret counts once.
func TestGateAnyIssuer(t *testing.T) {
	second, log := withSecond(t, false)
	log.Info.Bound, log.Info.RekeyPeriod, log.Info.Cooldown = 2, 86400, 3*86400
	s := newSite(t, second)
	c := s.challenge("vote")
	sc := must(scope.Compute(rp, "vote", scope.Period{}, 0))
	message := scope.Message(raw(body), scope.ChallengeDigest(must(scope.DecodeToken(c))))
	viaB := must(verifiertest.Two().Prove(t, 0, message, sc).Packed()) + "." + c
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", viaB), 201, "")
	if v := s.last.Verdict; v.Bound != 3 || v.Renewal != 3*86400 {
		t.Errorf("%+v", v)
	}
	viaA := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", viaA), 403, api.NullifierAlreadyUsed)
	s.want(s.do("POST", "/posts", body, "Perhuman-Response", s.answer(1, "post", sdk.PerDay(5), 0, s.challenge("post"), raw(body))), 201, "")
	if v := s.last.Verdict; v.Bound != 3 || v.Renewal != 0 { // a day divides the re-key period
		t.Errorf("%+v", v)
	}
}

// An issuer that says nothing usable about itself: nobody is let in, unless the
// operator vouches for a bound.
func TestGateBoundUnknown(t *testing.T) {
	s := newSite(t)
	s.log.SetBound(0)
	a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	// A description that was read before the change stands.
	w := s.do("POST", "/votes", body, "Perhuman-Response", a)
	if w.Code != 201 {
		s.want(w, 503, api.RootsStale)
	}
	silent := func(c *sdk.Config) { c.At = map[string]string{"issuer.localhost/people": headsOnly(t, s.log)} }
	s2 := newSite(t, silent)
	a = s2.answer(0, "vote", sdk.Once(), 0, s2.challenge("vote"), raw(body))
	s2.want(s2.do("POST", "/votes", body, "Perhuman-Response", a), 503, api.RootsStale)
	s3 := newSite(t, silent, func(c *sdk.Config) { c.Bound = 2 })
	s3.want(s3.do("POST", "/votes", body, "Perhuman-Response", s3.answer(0, "vote", sdk.Once(), 0, s3.challenge("vote"), raw(body))), 201, "")
	if s3.last.Verdict.Bound != 2 {
		t.Errorf("%+v", s3.last.Verdict)
	}
}

// headsOnly serves a log whose issuer says nothing about itself.
func headsOnly(t *testing.T, log *verifiertest.Log) string {
	log.SetBound(0)
	srv := httptest.NewServer(log)
	t.Cleanup(srv.Close)
	return srv.URL
}

// Witnesses: a log that too few have cosigned decides nothing.
func TestGateWitnesses(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	vkey := must(setlog.CosignerVKey("witness.example", key.Public().(ed25519.PublicKey)))
	signer := must(setlog.NewCosigner("witness.example", key, func() time.Time { return noon }))
	s := newSite(t, func(c *sdk.Config) { c.Witnesses, c.Quorum = []string{vkey}, 1 })
	a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 503, api.RootsStale)
	s.log.Cosign(t, signer)
	s.sleep(time.Second)
	for range 100 { // the source backs off after an error
		w := s.do("POST", "/votes", body, "Perhuman-Response", a)
		if w.Code == 201 {
			return
		}
		s.want(w, 503, api.RootsStale)
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a cosigned log is not believed")
}

// A vote over a frozen set, in a file: restarted, and with an issuer that is
// gone for good.
func TestGateSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "humans.db")
	s := newSite(t, func(c *sdk.Config) { c.Store = must(sqlite.Open(path)) })
	p := sdk.Snapshot(1, sdk.Once())
	s.mux.Handle("POST /elections", s.gate.Require("election", p, s.created()))
	s.mux.Handle("POST /later", s.gate.Require("later", sdk.Snapshot(2, sdk.Once()), s.created()))
	w := s.do("POST", "/perhuman/challenge", `{"action":"election"}`)
	if !strings.Contains(w.Body.String(), `"snapshot":1`) {
		t.Errorf("%s", w.Body)
	}
	s.want(s.do("POST", "/elections", body, "Perhuman-Response", s.answer(0, "election", p, 0, s.challenge("election"), raw(body))), 201, "")
	if v := s.last.Verdict; v.Snapshot != 1 || v.RootSeq != 1 || v.Bound != 1 {
		t.Errorf("%+v", v)
	}
	s.want(s.do("POST", "/later", body, "Perhuman-Response", s.answer(1, "later", p, 0, s.challenge("later"), raw(body))), 403, api.RootNotSnapshot)

	if err := s.gate.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.cfg.Store.Close(); err != nil {
		t.Fatal(err)
	}
	s.cfg.Store = must(sqlite.Open(path))
	t.Cleanup(func() { _ = s.cfg.Store.Close() })
	s.log.Down(true)
	s.mu.Lock()
	s.now = s.now.Add(24 * time.Hour)
	s.mu.Unlock()
	s.open()
	s.mux.Handle("POST /elections", s.gate.Require("election", p, s.created()))
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", s.answer(1, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))), 503, api.RootsStale)
	s.want(s.do("POST", "/elections", body, "Perhuman-Response", s.answer(0, "election", p, 0, s.challenge("election"), raw(body))), 403, api.NullifierAlreadyUsed)
	s.want(s.do("POST", "/elections", body, "Perhuman-Response", s.answer(1, "election", p, 0, s.challenge("election"), raw(body))), 201, "")
}

func TestOpenRefusesSeveral(t *testing.T) {
	s := newSite(t)
	for name, change := range map[string]func(*sdk.Config){
		"both lists":       func(c *sdk.Config) { c.Require = c.Issuers },
		"an issuer twice":  func(c *sdk.Config) { c.Issuers = append(c.Issuers, c.Issuers...) },
		"five required":    func(c *sdk.Config) { c.Require, c.Issuers = make([]string, 5), nil },
		"no quorum":        func(c *sdk.Config) { c.Witnesses = []string{s.log.VKey} },
		"a quorum of none": func(c *sdk.Config) { c.Quorum = 1 },
		"its own witness":  func(c *sdk.Config) { c.Witnesses, c.Quorum = c.Issuers, 1 },
		"a broken witness": func(c *sdk.Config) { c.Witnesses, c.Quorum = []string{"w+1+2"}, 1 },
		"a snapshot of 0":  func(c *sdk.Config) { c.Snapshots = map[uint64]semaphore.Element{1: {}} },
		"a snapshot at 0":  func(c *sdk.Config) { c.Snapshots = map[uint64]semaphore.Element{0: {1}} },
	} {
		cfg := s.cfg
		change(&cfg)
		if g, err := sdk.Open(t.Context(), cfg); err == nil {
			_ = g.Close()
			t.Errorf("%s is accepted", name)
		}
	}
}

// Two leave after the freeze: the operator pins the list with their leaves
// zeroed, and only proofs about that list count from then on.
func TestGateRepin(t *testing.T) {
	is := setlogtest.New(t, "issuer.localhost/people")
	var members []semaphore.Element
	for _, id := range verifiertest.One().IDs {
		members = append(members, id.Commitment())
	}
	is.AnchorMembers(uint64(noon.Unix()), members)
	is.AnchorMembers(uint64(noon.Unix())+1, nil, 6, 7)
	head := is.Head(uint64(noon.Unix()) + 1)
	var mu sync.Mutex // the test issuer notes what it is asked for
	fetch := func(path string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		return is.Fetch(path)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/head" {
			_, _ = w.Write(head)
			return
		}
		b, err := fetch(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(srv.Close)
	repointed := func(c *sdk.Config) {
		c.Issuers, c.At, c.Bound = []string{is.VKey}, map[string]string{is.Name: srv.URL}, 1
	}
	s := newSite(t, repointed)
	root, zeroed, err := s.gate.Repin(t.Context(), 1)
	if err != nil || zeroed != 2 || root != is.Group.Root() || root == verifiertest.One().Group.Root() {
		t.Fatalf("%s, %d zeroed, %v", root, zeroed, err)
	}
	p := sdk.Snapshot(1, sdk.Once())
	s.mux.Handle("POST /elections", s.gate.Require("election", p, s.created()))
	s.want(s.do("POST", "/elections", body, "Perhuman-Response", s.answer(0, "election", p, 0, s.challenge("election"), raw(body))), 201, "")

	pinned := newSite(t, repointed, func(c *sdk.Config) { c.Snapshots = map[uint64]semaphore.Element{1: root} })
	pinned.mux.Handle("POST /elections", pinned.gate.Require("election", p, pinned.created()))
	pinned.want(pinned.do("POST", "/elections", body, "Perhuman-Response", pinned.answer(0, "election", p, 0, pinned.challenge("election"), raw(body))), 403, api.RootNotSnapshot)
	second, _ := withSecond(t, false)
	two := newSite(t, second)
	if _, _, err := two.gate.Repin(t.Context(), 1); err == nil {
		t.Error("a snapshot of two issuers")
	}
}
