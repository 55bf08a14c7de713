package private_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/private"
	"github.com/perhuman/perhuman/sdk/api"
)

// other is a party that says something else of itself than it did, while told to.
type other struct {
	private.Party
	mu     *sync.Mutex
	status *func(*party.Status) error
	roll   *func([]party.Entry) []party.Entry
}

func (o other) Status(ctx context.Context) (party.Status, error) {
	s, err := o.Party.Status(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && *o.status != nil {
		err = (*o.status)(&s)
	}
	return s, err
}

func (o other) Roll(ctx context.Context, from int) ([]party.Entry, error) {
	r, err := o.Party.Roll(ctx, from)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && *o.roll != nil {
		r = (*o.roll)(r)
	}
	return r, err
}

// A party that has another list of people than the others, another kind of
// shares, or another group file: nobody is answered, known or new, and what is
// logged names it.
func TestAnotherParty(t *testing.T) {
	var mu sync.Mutex
	var status func(*party.Status) error
	var roll func([]party.Entry) []party.Entry
	h := newHouse(t, func(i int, p private.Party) private.Party {
		if i != 1 {
			return p
		}
		return other{p, &mu, &status, &roll}
	})
	var said strings.Builder
	h.close()
	h.logf = func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&said, format+"\n", args...)
	}
	h.open()
	for n := range uint64(3) {
		if err := h.enrol(testkit.NewPerson(n + 1)); err != nil {
			t.Fatal(err)
		}
	}
	h.settled(3)
	differs := func(s *party.Status) error { s.Digest = make([]byte, 32); return nil }
	for _, c := range []struct {
		name   string
		status func(*party.Status) error
		roll   func([]party.Entry) []party.Entry
		want   string
	}{
		{"another serial", differs, func(r []party.Entry) []party.Entry { r[1].Serial = mpc.Serial{1}; return r }, "place 1 of party 1"},
		{"people swapped", differs, func(r []party.Entry) []party.Entry { r[0], r[2] = r[2], r[0]; return r }, "place 0 of party 1"},
		{"somebody gone", differs, func(r []party.Entry) []party.Entry { r[2].State = mpc.Gone; return r }, "place 2 is of somebody on record"},
		{"people lost", func(s *party.Status) error { s.Places--; return differs(s) }, func(r []party.Entry) []party.Entry { return r[:min(2, len(r))] }, "place 2 is of somebody on record"},
		{"a roll that ends early", func(s *party.Status) error { s.Places += 2; return differs(s) }, nil, "roll of party 1"},
		{"another kind", func(s *party.Status) error { s.Modality = "iris"; return nil }, nil, "party 1 compares iris"},
		{"another group", func(*party.Status) error { return fmt.Errorf("party 1: status: %w", party.ErrGroup) }, nil, "party 1: status: party: group"},
	} {
		mu.Lock()
		status, roll = c.status, c.roll
		said.Reset()
		mu.Unlock()
		h.close()
		h.open()
		for _, p := range []*testkit.Person{testkit.NewPerson(2).Again(50), testkit.NewPerson(60)} {
			err := h.enrol(p)
			wantCode(t, err, api.MatcherUnavailable)
			if err != nil {
				mu.Lock()
				fmt.Fprintln(&said, err)
				mu.Unlock()
			}
		}
		mu.Lock()
		status, roll = nil, nil
		text := said.String()
		mu.Unlock()
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: %q is not said:\n%s", c.name, c.want, text)
		}
	}
	h.close()
	h.open()
	wantCode(t, h.enrol(testkit.NewPerson(2).Again(51)), api.AlreadyEnrolled)
	h.settled(3)
}
