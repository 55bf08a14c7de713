package wallet

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// maxRefusals is how many slots in a row a verifier may call already used
// before it is shown no more in that period. The first may be honest (another
// device of the same person was there) and so may the second; a verifier that
// goes on could walk through all k nullifiers and link them (protocol.md
// section 1).
const maxRefusals = 2

// slotDomain separates the key that orders slots from all else that is
// derived from an identity key.
const slotDomain = "perhuman/slots/1"

// slotKey derives the key of the slot order. The order must be secret: slots
// taken as 0, 1, 2 would tell a verifier how often this person has been there.
func slotKey(identityKey []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, identityKey, nil, slotDomain, sha256.Size)
}

// slotOrder gives the k slots of a book in the order in which this device
// tries them: sorted by a PRF of each slot's scope, the same for every device
// that holds the secret, then rotated by an offset of the device's own so that
// two devices seldom start with the same slot. Raising k inserts new slots and
// keeps the relative order of the old.
func slotOrder(key, device []byte, b Book, k uint32) ([]uint32, error) {
	slots := make([]uint32, 0, k)
	ranks := make([][]byte, k)
	for i := range k {
		s, err := b.Scope(i)
		if err != nil {
			return nil, err
		}
		ranks[i] = prf(key, 's', s[:])
		// Sorted by insertion: at most 1000, and a general sort adds 10 KB to the
		// download of the page.
		slots = append(slots, i)
		for j := i; j > 0 && bytes.Compare(ranks[slots[j]], ranks[slots[j-1]]) < 0; j-- {
			slots[j], slots[j-1] = slots[j-1], slots[j]
		}
	}
	start := 0
	if len(device) > 0 {
		first, err := b.Scope(0)
		if err != nil {
			return nil, err
		}
		var rest uint64 // the PRF's 256 bits mod k: the bias is below 2^-246
		for _, c := range prf(key, 'd', first[:], device) {
			rest = (rest<<8 | uint64(c)) % uint64(k)
		}
		start = int(rest)
	}
	return append(slots[start:k:k], slots[:start]...), nil
}

func prf(key []byte, purpose byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte{purpose})
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Scope computes the scope of one slot of the book.
func (b Book) Scope(slot uint32) (semaphore.Uint256, error) {
	return scope.Compute(b.RP, b.Action, b.Period, slot)
}

// plan is what a wallet would do next in a book.
type plan struct {
	order []uint32 // slots still to be shown, best first
	left  int      // how many of its own this wallet still has
	again string   // a response already made for this very challenge
	slot  uint32   // the slot of again
}

// plan reads the store and decides, without changing anything.
func (w *Wallet) plan(ctx context.Context, s *secret, q checked) (plan, error) {
	if q.policy.Kind == scope.KindReturning {
		// The one slot of Returning is meant to be seen again; only the answer to
		// this challenge is remembered, so that a repeat re-sends it.
		if r, ok := w.recent(q.digest); ok {
			return plan{left: 1, again: r}, nil
		}
		return plan{order: []uint32{0}, left: 1}, nil
	}
	uses, err := w.cfg.Store.Uses(ctx, q.book)
	if err != nil {
		return plan{}, wrap(StoreUnavailable, "slots already used", err)
	}
	taken := make(map[uint32]Outcome, len(uses))
	refusals := 0
	var p plan
	for _, u := range uses {
		taken[u.Slot] = u.Outcome
		switch u.Outcome {
		case AlreadyUsed:
			refusals++
		case Accepted:
			refusals = 0
		}
		if u.Challenge == q.digest {
			p.again, p.slot = u.Response, u.Slot
		}
	}
	order, err := slotOrder(s.slots, w.cfg.Device, q.book, q.policy.K)
	if err != nil {
		return plan{}, wrap(RequestInvalid, "slots", err)
	}
	for _, slot := range order {
		// A slot that the verifier has seen and says it did not spend is shown
		// again only where there is no other: with k of 1 a second showing links
		// nothing that was not linked. With more slots a verifier could claim this
		// every time and so see one person under one nullifier for a whole period.
		// The slot of this very challenge is shown to it again: nothing is used.
		o, seen := taken[slot]
		if !seen || o == NotSpent && q.policy.K == 1 || p.again != "" && slot == p.slot {
			p.order = append(p.order, slot)
		}
	}
	p.left = len(p.order)
	switch {
	case p.again != "":
	case p.left == 0:
		return p, refuse(QuotaExhausted, fmt.Sprintf("all %d of this period are used", q.policy.K))
	case refusals >= maxRefusals:
		return p, refuse(SlotsRefused, fmt.Sprintf("%d slots in a row were called already used", refusals))
	}
	return p, nil
}
