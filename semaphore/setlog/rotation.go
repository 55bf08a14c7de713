package setlog

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// An issuer changes its key with an overlap, in which both keys sign every head
// and checkpoint (Head.Sign). A follower that is then given the new key goes on
// from the state it has of the old one: a head that both have signed shows that
// they belong to one log. If that log does not extend what was seen before, the
// old key has signed two histories, and the evidence is an ErrFork under that
// key, as before the change. Until such a head has come the state decides
// nothing, and a head of the new key alone is refused: the owner of the follower
// who missed the overlap starts with fresh memory by leaving State out, and knows
// it.

// pin is a verifier key and its text.
type pin struct {
	vkey     string
	verifier note.Verifier
}

// takeOver reads a state for a follower of key. If it belongs to another key of
// the same issuer, its head may have been signed by both: then that is it.
func takeOver(state []byte, key pin) (*snapshot, error) {
	of, err := stateKey(state)
	if err != nil {
		return nil, err
	}
	if of == key.vkey {
		return parseState(state, key.verifier)
	}
	was, err := ParseVKey(of)
	if err != nil {
		return nil, fmt.Errorf("follower state: %w", err)
	}
	if was.Name() != key.verifier.Name() {
		return nil, fmt.Errorf("%w: follower state belongs to %q", ErrKey, of)
	}
	s, err := parseState(state, was)
	if err != nil {
		return nil, err
	}
	if s.fork != nil { // a new key does not undo it; its evidence is under the old one
		s.prior = &pin{of, was}
		return s, nil
	}
	if s.signed == nil {
		return s, nil // nothing was seen
	}
	if _, err := OpenHead(s.signed, key.verifier); err != nil {
		s.prior = &pin{of, was}
		s.lacking = fmt.Errorf("%w: no head signed by both has come yet", ErrUnvouched)
	}
	return s, nil
}

// vouched checks that a head opened under the follower's key is signed by the
// key that the snapshot belongs to as well.
func (s *snapshot) vouched(signed []byte) error {
	if s.prior == nil {
		return nil
	}
	if _, err := OpenHead(signed, s.prior.verifier); err != nil {
		return fmt.Errorf("%w: %w", ErrUnvouched, err)
	}
	return nil
}

// StateName gives the name of the issuer that a follower's state is of, under
// whichever of its keys. Nothing else in the state is looked at.
func StateName(state []byte) (string, error) {
	of, err := stateKey(state)
	if err != nil {
		return "", err
	}
	v, err := ParseVKey(of)
	if err != nil {
		return "", err
	}
	return v.Name(), nil
}
