package sdk

import (
	"context"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Person is what a handler learns about the human behind a request.
type Person struct {
	// Nullifier is a canonical decimal number. It is the same whenever this
	// human uses the same slot of this action in this period here, and means
	// nothing anywhere else.
	Nullifier string
	Slot      uint32 // PerEpoch: which of the k slots was used
	Returning bool   // Returning: this human has been here before
	Action    string
	Verdict   api.Verdict

	// What a bundle needs that others can check later (package sdk/post).
	Proof     *semaphore.Proof
	And       []*semaphore.Proof // with Config.Require: those under the other issuers
	Challenge string             // the token, base64url
	Content   scope.Digest       // what the proof is bound to
	Period    scope.Period
	Receipt   scope.Receipt // sign it with Gate.Receipt
}

type personKey struct{}

// PersonFrom gives the human whose proof the Gate accepted for a request; the
// zero Person outside of a guarded handler.
func PersonFrom(ctx context.Context) Person {
	p, _ := ctx.Value(personKey{}).(Person)
	return p
}

// Receipt signs a person's receipt with the relying party's key: our word on
// when the proof was accepted and that it was counted.
func (g *Gate) Receipt(p Person) []byte { return g.v.Receipt(p.Receipt) }

// person gathers what a verdict and a request say.
func person(a answer, action string, policy Policy, verdict api.Verdict, now time.Time) Person {
	accepted := uint64(max(now.Unix(), 0))
	if policy.Kind != scope.KindReturning {
		accepted = verdict.FirstSeenAt // on a replay, the first time
	}
	p := Person{
		Nullifier: verdict.Nullifier, Returning: verdict.Returning, Action: action, Verdict: verdict,
		Proof: a.proof, And: a.and, Challenge: a.challenge, Content: a.content,
		Receipt: scope.Receipt{
			Scope: a.proof.Scope, Nullifier: a.proof.Nullifier, Message: a.proof.Message,
			RootSeq: verdict.RootSeq, AcceptedAt: accepted,
		},
	}
	if verdict.Slot != nil {
		p.Slot = *verdict.Slot
	}
	if verdict.Period != nil {
		p.Period = scope.Period{Start: verdict.Period.Start, Len: verdict.Period.Len}
	}
	return p
}
