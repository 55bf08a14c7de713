package loadtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Item is one request to be: a proof and the challenge that it answers.
type Item struct {
	Proof     *semaphore.Proof
	Challenge string
}

// statement is what proof number n says, and by whom.
type statement struct {
	who            int
	challenge      string
	message, scope semaphore.Uint256
}

// newStatement gives statement n: person n mod people, in slot n / people.
func newStatement(n int) (statement, error) {
	s := statement{who: n % people}
	random := seed("challenge")
	binary.BigEndian.PutUint64(random[:], uint64(n)) // #nosec G115 -- below MaxItems
	c, err := scope.NewChallenge(rand.NewChaCha8(random), scope.ChallengeParams{RP: rp, Action: action, Origin: origin, Now: now()})
	if err != nil {
		return s, err
	}
	token := c.Sign(signing())
	s.challenge = scope.EncodeToken(token)
	s.message = scope.Message(scope.Digest{}, scope.ChallengeDigest(token))
	s.scope, err = scope.Compute(rp, action, policy().Period(now()), uint32(n/people)) // #nosec G115 -- below MaxItems
	return s, err
}

// Prepare gives the first n items. Proofs that dir holds from an earlier run are
// taken from there, the others are made on all processors and added; progress is
// told how many there are. It blocks, and stops early when ctx ends: what was
// made until then is kept.
func Prepare(ctx context.Context, n int, dir string, progress func(have, want int)) ([]Item, error) {
	if n < 1 || n > MaxItems {
		return nil, fmt.Errorf("loadtest: 1 to %d proofs", MaxItems)
	}
	issuer, err := newIssuer()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "proofs")
	kept, err := readPool(path)
	if err != nil {
		return nil, err
	}
	items := make([]Item, n)
	want := make([]statement, n)
	first := 0
	for i := range n {
		if want[i], err = newStatement(i); err != nil {
			return nil, err
		}
		items[i].Challenge = want[i].challenge
		if i == first && i < len(kept) && kept[i].Message == want[i].message && kept[i].Scope == want[i].scope {
			items[i].Proof = kept[i]
			first++
		}
	}
	progress(first, n)
	if first == n {
		return items, nil
	}
	prover, err := prove.New(depth20.NewReader())
	if err != nil {
		return nil, err
	}
	made := atomic.Int64{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	var speak sync.Mutex
	for i := first; i < n; i++ {
		g.Go(func() error {
			id := person(want[i].who)
			merkle, err := issuer.Path(id.Commitment())
			if err == nil {
				items[i].Proof, err = prover.Prove(ctx, id, merkle, want[i].message, want[i].scope)
			}
			if err == nil {
				speak.Lock()
				defer speak.Unlock()
				progress(first+int(made.Add(1)), n)
			}
			return err
		})
	}
	err = g.Wait()
	return items, errors.Join(err, writePool(path, items))
}

// readPool reads packed proofs, one after the other.
func readPool(path string) ([]*semaphore.Proof, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []*semaphore.Proof
	buf := make([]byte, semaphore.ProofSize)
	for len(out) < MaxItems {
		if _, err := io.ReadFull(f, buf); err != nil {
			break // the end, or a proof cut short: made again
		}
		p := new(semaphore.Proof)
		if p.UnmarshalBinary(buf) != nil {
			break
		}
		out = append(out, p)
	}
	return out, nil
}

// writePool keeps the proofs up to the first one that is missing.
func writePool(path string, items []Item) error {
	var out bytes.Buffer
	for _, item := range items {
		if item.Proof == nil {
			break
		}
		b, err := item.Proof.MarshalBinary()
		if err != nil {
			return err
		}
		out.Write(b)
	}
	if have, err := os.Stat(path); err == nil && have.Size() >= int64(out.Len()) {
		return nil
	}
	next := path + ".next"
	if err := os.WriteFile(next, out.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
