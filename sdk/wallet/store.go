package wallet

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// Book names what slots are counted in: one action at one relying party in
// one period.
type Book struct {
	RP, Action string
	Period     scope.Period
}

// Outcome is what is known about the use of a slot.
type Outcome uint8

// The outcomes. A use counts as used until the verifier itself has said that
// it did not spend it.
const (
	Shown       Outcome = 0 // shown, or about to be; nothing heard yet
	Accepted    Outcome = 1 // the verifier spent it for this proof
	AlreadyUsed Outcome = 2 // the verifier says it was spent before
	NotSpent    Outcome = 3 // the verifier refused the proof and spent nothing
)

// Use is the use of one slot: for which challenge, and the response that was
// made, so that a wallet in doubt re-sends the same bytes.
type Use struct {
	Challenge scope.Digest
	Slot      uint32
	Response  string
	Outcome   Outcome
}

// ErrTaken: the slot or the challenge has a use already, written perhaps by
// another process or tab.
var ErrTaken = errors.New("wallet: slot or challenge already taken")

// ErrNoUse: there is nothing to settle.
var ErrNoUse = errors.New("wallet: no use with this challenge")

// Store remembers which slots were shown. It is the wallet's only memory that
// must not be lost: a wallet that forgets shows a slot twice, and the verifier
// can link the two.
type Store interface {
	// Uses lists the uses in a book, in the order in which they were taken.
	Uses(ctx context.Context, b Book) ([]Use, error)
	// Take writes a use down, durably, before it returns. It is atomic: of two
	// calls for one slot, or for one challenge, in one book, one gets ErrTaken.
	// A slot whose last use is NotSpent is free; the new use replaces it.
	Take(ctx context.Context, b Book, u Use) error
	// Settle notes the outcome of the use with this challenge.
	Settle(ctx context.Context, b Book, challenge scope.Digest, o Outcome) error
}

// Memory is a Store that forgets at the end of the process: for tests, for
// virtual people, and for callers that keep the slots elsewhere, as a web page
// does.
type Memory struct {
	mu    sync.Mutex
	books map[Book][]Use
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{books: make(map[Book][]Use)} }

// Uses lists the uses in a book.
func (m *Memory) Uses(_ context.Context, b Book) ([]Use, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.books[b]), nil
}

// Take writes a use down.
func (m *Memory) Take(_ context.Context, b Book, u Use) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	uses, err := AddUse(m.books[b], u)
	if err == nil {
		m.books[b] = uses
	}
	return err
}

// Settle notes an outcome.
func (m *Memory) Settle(_ context.Context, b Book, challenge scope.Digest, o Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return SettleUse(m.books[b], challenge, o)
}

// AddUse is the rule of Store.Take on the uses of one book, for those who
// write a Store.
func AddUse(uses []Use, u Use) ([]Use, error) {
	free := -1
	for i, old := range uses {
		if old.Challenge == u.Challenge {
			return nil, ErrTaken
		}
		if old.Slot == u.Slot {
			if old.Outcome != NotSpent {
				return nil, ErrTaken
			}
			free = i
		}
	}
	if free >= 0 {
		uses = slices.Delete(slices.Clone(uses), free, free+1)
	}
	return append(uses, u), nil
}

// SettleUse is the rule of Store.Settle: an outcome once known stays, but a
// repeat of the same is fine.
func SettleUse(uses []Use, challenge scope.Digest, o Outcome) error {
	for i := range uses {
		if uses[i].Challenge != challenge {
			continue
		}
		if uses[i].Outcome == Shown || uses[i].Outcome == o {
			uses[i].Outcome = o
			return nil
		}
		return ErrTaken
	}
	return ErrNoUse
}
