package mpc_test

import (
	"errors"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// Planted people in a batch of people: right answers pass. One party's shares of
// one person, planted or not, that are wrong in one word are found, and then the
// party set answers nothing any more.
func TestAudit(t *testing.T) {
	third := irises(t, shape, dot.Third())
	crowd, planted := synth.New(81), synth.New(82)
	for _, damaged := range []int{-1, 0, 3} { // nobody, a planted person, a person
		p := newParties(t)
		for n := range byte(3) {
			p.begin(n, planted.Person(uint64(n)).Sample(0))
		}
		for n := range byte(3) {
			shares := splitPair(t, 100+n, crowd.Person(uint64(n)).Sample(0))
			must(t, three(func(i int) error {
				words := sealed(t, third, i, shares[i])
				if i == 1 && damaged == 3 {
					words[5000] += 0x4000
				}
				return p.all[i].Begin(mpc.Serial{3 + n}, mpc.Capture{3 + n}, words)
			}))
		}
		if damaged == 0 { // a planted person again, with the fault
			shares := splitPair(t, 110, planted.Person(7).Sample(0))
			must(t, three(func(i int) error {
				words := sealed(t, third, i, shares[i])
				if i == 2 {
					words[30000] ^= 0x55
				}
				return p.all[i].Begin(mpc.Serial{6}, mpc.Capture{6}, words)
			}))
		}
		var audit mpc.Audit
		genuine, stranger, person := mpc.Serial{10}, mpc.Serial{11}, mpc.Serial{12}
		p.begin(10, planted.Person(1).Sample(4))
		p.begin(11, planted.Person(100).Sample(0))
		p.begin(12, crowd.Person(50).Sample(0))
		audit.Expect(genuine, true)
		audit.Expect(stranger, false)
		batch := []mpc.Serial{person, genuine, stranger}
		p.check(batch...)
		known := p.match(batch...)
		err := audit.Judge(batch, known)
		if damaged < 0 {
			if err != nil || audit.Passed() != 2 || known[0] {
				t.Errorf("nothing is wrong: %v, %d passed, person %v", err, audit.Passed(), known[0])
			}
			continue
		}
		if !errors.Is(err, mpc.ErrAudit) {
			t.Errorf("place %d is damaged and nobody noticed: %v", damaged, known)
		}
		for i := range p.all {
			p.all[i].Stop(err)
			if _, err := p.all[i].Match(t.Context(), p.number, person); !errors.Is(err, mpc.ErrAudit) {
				t.Errorf("party %d goes on: %v", i, err)
			}
			if err := p.all[i].Commit(person); !errors.Is(err, mpc.ErrAudit) {
				t.Errorf("party %d commits: %v", i, err)
			}
		}
	}
	var audit mpc.Audit
	if err := audit.Judge([]mpc.Serial{{1}}, nil); !errors.Is(err, mpc.ErrAudit) {
		t.Errorf("answers that do not fit: %v", err)
	}
}
