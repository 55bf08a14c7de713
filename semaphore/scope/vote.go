package scope

import (
	"fmt"
	"slices"
)

// Vote is one choice in one poll at one relying party. Poll and choice are
// names as actions have them; what they mean to people stands in the poll.
type Vote struct{ RP, Poll, Choice string }

// Canonical gives the bytes that content of KindVote is bound to:
// lp(rp) || lp(poll) || lp(choice).
func (v Vote) Canonical() ([]byte, error) {
	if err := ValidateRP(v.RP); err != nil {
		return nil, err
	}
	for _, name := range []string{v.Poll, v.Choice} {
		if err := ValidateAction(name); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrVote, err)
		}
	}
	return appendLP(appendLP(appendLP(nil, v.RP), v.Poll), v.Choice), nil
}

// Digest is the content digest of the vote.
func (v Vote) Digest() (Digest, error) {
	b, err := v.Canonical()
	if err != nil {
		return Digest{}, err
	}
	return Content(KindVote, b)
}

// ParseVote reads what Canonical made, and nothing else.
func ParseVote(b []byte) (Vote, error) {
	var v Vote
	r := reader{b: b}
	for _, field := range []*string{&v.RP, &v.Poll, &v.Choice} {
		*field = string(r.take(int(r.u16())))
	}
	again, err := v.Canonical()
	if r.bad || len(r.b) != 0 || err == nil && !slices.Equal(again, b) {
		return Vote{}, fmt.Errorf("%w: not its bytes", ErrVote)
	}
	if err != nil {
		return Vote{}, err
	}
	return v, nil
}
