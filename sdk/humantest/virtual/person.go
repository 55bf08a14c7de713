package virtual

import (
	"crypto/sha256"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
)

// Secret is the secret of the person of that name: the name, hashed. Everybody
// knows it; never enrol it anywhere else.
func Secret(name string) []byte {
	sum := sha256.Sum256([]byte("perhuman virtual person " + name))
	return sum[:]
}

// Identity is the identity of the person of that name.
func Identity(name string) *semaphore.Identity { return semaphore.IdentityFromKey(Secret(name)) }

// Wallet makes the wallet of a person, unlocked, with a memory of its own. It
// has every rule that wallets have.
func (i *Issuer) Wallet(name string, prover *wallet.Prover) (*wallet.Wallet, error) {
	w, err := wallet.New(wallet.Config{
		Issuer: i.vkey, Source: i, Store: wallet.NewMemory(), Prover: prover, Now: i.now,
	})
	if err != nil {
		return nil, err
	}
	return w, w.Unlock(Secret(name))
}
