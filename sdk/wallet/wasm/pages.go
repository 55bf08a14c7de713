//go:build js && wasm

package main

import (
	"context"
	"crypto/sha256"
	"strconv"
	"sync"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// maxMade bounds the responses that are remembered for a repeat.
const maxMade = 256

// pageStore is the Store of a wallet in a page. The page's database is what
// lasts: it lists the used slots with each call, and writes the new one down
// before it shows the response. What this store adds is the response already
// made for a challenge, so that a repeat is the same bytes.
type pageStore struct {
	mu        sync.Mutex
	used      []uint64
	refused   int // the newest so many were called already used
	challenge scope.Digest
	made      []madeUse
}

type madeUse struct {
	book wallet.Book
	use  wallet.Use
}

var _ wallet.Store = (*pageStore)(nil)

func newPageStore() *pageStore { return &pageStore{} }

// lend sets what the next call works with.
func (p *pageStore) lend(used []uint64, refused int, challenge scope.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used, p.refused, p.challenge = used, refused, challenge
}

// Uses gives the page's slots, and the use made for the challenge of this call.
// For which challenges the page's slots were used is not known here, so each
// gets a stand-in that no challenge hashes to.
func (p *pageStore) Uses(_ context.Context, b wallet.Book) ([]wallet.Use, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var uses []wallet.Use
	for i, slot := range p.used {
		u := wallet.Use{Challenge: sha256.Sum256([]byte("slot " + strconv.FormatUint(slot, 10))), Slot: uint32(slot)}
		if len(p.used)-i <= p.refused {
			u.Outcome = wallet.AlreadyUsed
		}
		uses = append(uses, u)
	}
	for _, m := range p.made {
		if m.book == b && m.use.Challenge == p.challenge {
			uses = append(uses, m.use)
		}
	}
	return uses, nil
}

// Take remembers the response. Only one call runs at a time and the page has
// said which slots are used, so nobody can have taken this one meanwhile.
func (p *pageStore) Take(_ context.Context, b wallet.Book, u wallet.Use) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.made) == maxMade {
		p.made = append(p.made[:0], p.made[1:]...)
	}
	p.made = append(p.made, madeUse{b, u})
	return nil
}

// Settle is the page's own business: it passes the count of refusals.
func (p *pageStore) Settle(context.Context, wallet.Book, scope.Digest, wallet.Outcome) error {
	return wallet.ErrNoUse
}
