package mpc

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// Epoch names a generation of shares. The first is the zero value. Parties of
// different epochs stop before they compute anything.
type Epoch struct {
	Number uint64
	// Name is random: two refreshes that were begun from one epoch have different
	// ones. It is no secret.
	Name [16]byte
}

// ShareWriter takes the shares of a new epoch.
type ShareWriter interface {
	// Start begins a new file beside the one in use.
	Start(e Epoch) error
	// Write puts the words of every place in order, nil for one that is gone. They
	// are only valid during the call.
	Write(place int, words []uint16) error
	// Keep returns when all of it is on the disk. From here on a crash may find
	// that the other two have switched.
	Keep() error
}

// inStep is after how many places the parties wait for one another, so that no
// message takes longer than they need for these.
const inStep = 1024

// Refresh gives every share a new value, of the same people: to each the three
// add a sharing of zero from a key that all of them drew and all forget. Then
// shares that somebody took from one party before and from another one after do
// not combine.
//
// If it returns no error, all three parties have kept the new shares: the caller
// switches to them and makes a new Party of that epoch; this one refuses
// everything with ErrEpoch. If the confirmation did not come, the caller does not
// know whether the others switched: it keeps both files and goes on in the old
// epoch, where no answer can come about with a party that switched; once it hears
// that another party is in that epoch, of that name, it switches too, and if
// neither is, it drops the new shares. People who began after a refresh have the
// same words in both epochs, for theirs are fresh.
//
// Number is used once; the same at all three. Begin and Commit wait meanwhile;
// Disconnect ends it.
func (p *Party) Refresh(ctx context.Context, number uint64, to ShareWriter) (Epoch, error) {
	p.busy.Lock()
	defer p.busy.Unlock()
	p.change.Lock()
	defer p.change.Unlock()
	session, _, err := p.ready()
	if err != nil {
		return Epoch{}, err
	}
	places, digest := p.roll.Digest()
	if places != p.people.len() {
		return Epoch{}, fmt.Errorf("%w: shares of %d people for %d places", ErrShape, p.people.len(), places)
	}
	h := sha256.New()
	h.Write([]byte("perhuman/mpc/refresh/1"))
	h.Write(binary.LittleEndian.AppendUint64(nil, number))
	plan := p.plan(digest)
	h.Write(plan[:])
	next := Epoch{Number: p.epoch.Number + 1}
	err = session.do(ctx, number, [32]byte(h.Sum(nil)), func(r *run) error {
		key, name, err := r.commonKey(next.Number)
		if err != nil {
			return err
		}
		next.Name = name
		if err := to.Start(next); err != nil {
			return fmt.Errorf("mpc: new shares: %w", err)
		}
		if err := p.writeAll(r, key, places, to); err != nil {
			return err
		}
		if err := to.Keep(); err != nil {
			return fmt.Errorf("mpc: new shares: %w", err)
		}
		return r.allHave(name)
	})
	if err != nil {
		return Epoch{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = fmt.Errorf("%w: epoch %d is over", ErrEpoch, p.epoch.Number)
	return next, nil
}

func (p *Party) writeAll(r *run, key cipher.Block, places int, to ShareWriter) error {
	words := make([]uint16, p.modality.Words())
	defer clear(words)
	for place := range places {
		if place%inStep == inStep-1 {
			if err := r.step(uint64(place)); err != nil { // #nosec G115 -- not negative
				return err
			}
		}
		fresh := words
		if _, state, _ := p.roll.At(place); state == Gone {
			fresh = nil
		} else if err := p.people.refreshed(place, zeroStream(key, uint64(place)), words); err != nil { // #nosec G115 -- not negative
			return err
		}
		if err := to.Write(place, fresh); err != nil {
			return fmt.Errorf("mpc: new shares of place %d: %w", place, err)
		}
	}
	return nil
}

// zeroStream is what all three read the sharing of zero for a place from.
func zeroStream(key cipher.Block, place uint64) io.Reader {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[:], place)
	return keyStream{cipher.NewCTR(key, iv[:])}
}

type keyStream struct{ cipher.Stream }

func (s keyStream) Read(b []byte) (int, error) {
	clear(b)
	s.XORKeyStream(b, b)
	return len(b), nil
}

// commonKey draws a key that all three contribute to: each sends 32 random bytes
// around the ring. It checks that all have the same and gives its name.
func (r *run) commonKey(epoch uint64) (key cipher.Block, name [16]byte, err error) {
	var seeds [3][32]byte
	defer func() { clear(seeds[:]) }()
	before := func(k int) *[32]byte { return &seeds[(r.party+3-k)%3] }
	if _, err := io.ReadFull(r.rand, before(0)[:]); err != nil {
		return nil, name, fmt.Errorf("mpc: randomness: %w", err)
	}
	for k := range 2 {
		if err := r.exchange(before(k)[:], before(k + 1)[:]); err != nil {
			return nil, name, err
		}
	}
	secret := append(append(append(make([]byte, 0, 96), seeds[0][:]...), seeds[1][:]...), seeds[2][:]...)
	defer clear(secret)
	b, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("perhuman/mpc/refresh/1/%d", epoch), 32+len(name))
	if err != nil {
		return nil, name, fmt.Errorf("mpc: key of a refresh: %w", err)
	}
	defer clear(b)
	copy(name[:], b[32:])
	if key, err = aes.NewCipher(b[:32]); err != nil {
		return nil, name, fmt.Errorf("mpc: key of a refresh: %w", err)
	}
	return key, name, r.allHave(name)
}

// allHave returns when all three have come here with the same name: what goes
// twice around the ring says that the one before has, and that the one before
// it has.
func (r *run) allHave(name [16]byte) error {
	for range 2 {
		var came [16]byte
		if err := r.exchange(name[:], came[:]); err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(came[:], name[:]) != 1 {
			return fmt.Errorf("%w: keys of a refresh", wire.ErrPlan)
		}
	}
	return nil
}

// step waits for the party before.
func (r *run) step(at uint64) error {
	var came [8]byte
	if err := r.exchange(binary.LittleEndian.AppendUint64(nil, at), came[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(came[:]) != at {
		return fmt.Errorf("%w: a refresh at another place", wire.ErrPlan)
	}
	return nil
}
