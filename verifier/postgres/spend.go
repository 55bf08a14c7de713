package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perhuman/perhuman/verifier"
)

// ticket names one attempt at an act. The row of a nonce keeps the ticket of
// the attempt that wrote it, and the row of a nullifier that of the act that
// spent it: so an answer tells whose row it is, even if two attempts of one
// batch were made into one row.
type ticket [16]byte

// spending is an act on its way through the tables.
type spending struct {
	act    verifier.Act
	ticket ticket
	digest [32]byte // of the idempotency key

	// What the nonce's row said.
	nonce  standing
	owner  ticket // who wrote it
	record []byte // repeated: what that attempt recorded
	out    verifier.Outcome
}

// standing is what a nonce's row means for an act.
type standing uint8

const (
	unknown  standing = iota
	fresh             // the act wrote it
	repeated          // the same act had written it
	refused           // another act had written it
)

// step is one table that an act goes through.
type step uint8

const (
	stepNonce step = 1 << iota
	stepKey
	stepNullifier
	stepForget // of the nonce, after all
)

// leg is what of an act is done in one transaction of one database.
type leg struct {
	*spending
	steps step
}

// keyDigest stands for an idempotency key, its caller and its environment.
func keyDigest(a verifier.Act) (d [32]byte) {
	h := sha256.New()
	for _, s := range []string{"perhuman/idempotency/1", a.Environment, a.Credential, a.Key} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	h.Sum(d[:0])
	return d
}

// stop is one database on the way of an act.
type stop struct {
	db    *database
	steps step
}

// route gives the databases of an act, in the order nonce, key, nullifier; what
// follows in the same database is one transaction.
func (s *Store) route(p *spending) []stop {
	way := []stop{{s.of(p.act.Nonce), stepNonce}}
	add := func(db *database, st step) {
		if last := &way[len(way)-1]; last.db == db {
			last.steps |= st
		} else {
			way = append(way, stop{db, st})
		}
	}
	if p.act.Key != "" {
		add(s.of(p.digest), stepKey)
	}
	add(s.of([32]byte(p.act.Nullifier)), stepNullifier)
	return way
}

// Spend implements verifier.Store.
func (s *Store) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if err := check(a); err != nil {
		return verifier.Outcome{}, err
	}
	if err := s.gate.Begin(); err != nil {
		return verifier.Outcome{}, err
	}
	defer s.gate.End()
	p := &spending{act: a, digest: keyDigest(a)}
	if _, err := io.ReadFull(s.opts.Rand, p.ticket[:]); err != nil {
		return verifier.Outcome{}, unavailable(err)
	}
	for i, stop := range s.route(p) {
		if i > 0 && stop.db.faults.between != nil {
			if err := stop.db.faults.between(); err != nil {
				return verifier.Outcome{}, fmt.Errorf("%w: %w", verifier.ErrInDoubt, err)
			}
		}
		err := stop.db.acts.Submit(ctx, &leg{p, stop.steps})
		if err != nil && i > 0 && !errors.Is(err, verifier.ErrInDoubt) {
			// Nothing of this leg is written, but of the act there is.
			err = fmt.Errorf("%w: %v", verifier.ErrInDoubt, err) // of its kinds only this one holds
		}
		if err != nil {
			return verifier.Outcome{}, err
		}
		if p.out.Result != 0 {
			break
		}
	}
	switch {
	case p.out.Result == verifier.NonceUsed && a.Key != "":
		// Both are refusals: a key that is in use tells the caller more.
		if used, err := s.keyUsed(ctx, p.digest); err == nil && used {
			return verifier.Outcome{Result: verifier.KeyConflict}, nil
		}
	case p.out.Result == verifier.KeyConflict && p.nonce == fresh:
		// In another database the nonce has been committed. If it cannot be
		// taken back, the refusal has cost a challenge.
		if db := s.of(a.Nonce); db != s.of(p.digest) {
			gone := new(spending) // p may have to stay as it is
			*gone = *p
			_ = db.acts.Submit(ctx, &leg{gone, stepForget})
		}
	}
	return p.out, nil
}

// check refuses what no row can hold. One such act would fail the statement of
// its whole batch.
func check(a verifier.Act) error {
	if err := a.Check(); err != nil {
		return err
	}
	if a.Event != nil && !isText(a.Event.ID) || !isText(a.Environment) {
		return unavailable(errors.New("a name is not text"))
	}
	return nil
}

// isText: PostgreSQL takes UTF-8 without the character 0.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// judge gives the outcome from the row of the nullifier.
func (p *spending) judge(owner ticket, message []byte, firstMS int64) {
	p.out.Result, p.out.FirstSeen = verifier.Accepted, time.UnixMilli(firstMS)
	p.out.Replayed = p.nonce == repeated
	if p.out.Replayed {
		p.out.Record = p.record
	}
	if owner == p.owner && p.nonce != unknown {
		return
	}
	if p.act.Returning {
		p.out.Returned = true
	} else {
		p.out.Result, p.out.SameMessage = verifier.NullifierUsed, string(message) == string(p.act.Message[:])
	}
}
