package agent

import (
	"context"
	"errors"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// What a Store refuses with. Any other error means that it could not say.
var (
	ErrUnknown  = errors.New("agent: no such grant")
	ErrRevoked  = errors.New("agent: the grant was revoked")
	ErrSpent    = errors.New("agent: the grant's budget is used up")
	ErrLimit    = errors.New("agent: the human's agents have used the period's budget up")
	ErrReplayed = errors.New("agent: the nonce was used before")
	ErrInDoubt  = errors.New("agent: commit in doubt")
)

// Record is a grant as it is kept.
type Record struct {
	ID       scope.Digest
	Human    semaphore.Element
	Grant    scope.Grant
	Accepted time.Time
}

// Act is one act of an agent, to be counted.
type Act struct {
	Grant         scope.Digest
	Human         semaphore.Element
	Action, Nonce string
	Now, Until    time.Time // the nonce may be forgotten after Until
	Budget        uint32    // of the grant, for ever
	Limit         uint32    // of the human, in the period that began at Start
	Start         int64     // unix seconds
	Period        time.Duration
}

// Store keeps grants and counts. Each method is one transaction: it happens
// whole or not at all.
type Store interface {
	// Put keeps a grant. The same one again changes nothing, also when it was
	// revoked or another human brings it (which is refused with ErrReplayed).
	Put(ctx context.Context, r Record) error
	// Get finds a grant: ErrUnknown, ErrRevoked.
	Get(ctx context.Context, id scope.Digest) (Record, error)
	// Spend counts an act against nonce, grant and human, or refuses it with
	// ErrUnknown, ErrRevoked, ErrReplayed, ErrSpent or ErrLimit and leaves nothing
	// behind. It gives what is left after it, the lesser of both counts.
	Spend(ctx context.Context, a Act) (left uint32, err error)
	// Revoke ends every grant with this revocation hash: ErrUnknown if there is
	// none. Again it changes nothing.
	Revoke(ctx context.Context, hash scope.Digest, now time.Time) error
	// List gives a human's grants, newest first.
	List(ctx context.Context, human semaphore.Element) ([]Record, error)
	Close() error
}

// storeError maps what a Store says to its wire code.
func storeError(err error) error {
	for target, code := range map[error]api.Code{
		ErrUnknown: api.GrantUnknown, ErrRevoked: api.GrantRevoked, ErrSpent: api.BudgetExhausted, ErrLimit: api.BudgetExhausted,
		ErrReplayed: api.RequestReplayed, ErrInDoubt: api.InDoubt,
	} {
		if errors.Is(err, target) {
			return api.Wrap(code, err)
		}
	}
	if err != nil {
		return &api.Error{Code: api.StoreUnavailable, RetryAfter: time.Second, Err: err}
	}
	return nil
}
