package postgres

import (
	"context"

	"github.com/perhuman/perhuman/verifier"
)

// either is two stores over the same databases, as two processes have: an act
// goes to one or the other by its nonce.
type either struct {
	*Store
	other *Store
}

func (e either) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if a.Nonce[15]%2 == 1 {
		return e.other.Spend(ctx, a)
	}
	return e.Store.Spend(ctx, a)
}
