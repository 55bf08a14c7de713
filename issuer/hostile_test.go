package issuer_test

import (
	"math/big"
	"testing"

	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// What somebody may try to get into the set under, each refused by its name,
// for an enrolment, a recovery and a deletion alike. (A commitment is never taken
// from a client: it follows from the key.)
func TestHostileKeys(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 2)
	r, _ := new(big.Int).SetString("21888242871839275222246405745257275088548364400416034343698204186575808495617", 10)
	member, other := testkit.NewPerson(1).ID.PublicKey(), testkit.NewPerson(50).ID.PublicKey()
	plusOrder := new(big.Int).Add(new(big.Int).SetBytes(member.X[:]), r).String()
	for name, c := range map[string]struct {
		key  [2]string
		want api.Code
	}{
		"zero":                          {[2]string{"0", "0"}, api.CommitmentInvalid},
		"at the field's order":          {[2]string{r.String(), other.Y.String()}, api.NotCanonical},
		"a member's, plus the order":    {[2]string{plusOrder, member.Y.String()}, api.NotCanonical},
		"leading zeros":                 {[2]string{"0" + other.X.String(), other.Y.String()}, api.NotCanonical},
		"the neutral element":           {[2]string{"0", "1"}, api.CommitmentInvalid},
		"order two":                     {[2]string{"0", new(big.Int).Sub(r, big.NewInt(1)).String()}, api.CommitmentInvalid},
		"off the curve":                 {[2]string{"1", "1"}, api.CommitmentInvalid},
		"somebody else's":               {[2]string{other.X.String(), other.Y.String()}, api.PossessionInvalid},
		"a member's, who does not sign": {[2]string{member.X.String(), member.Y.String()}, api.PossessionInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			enrol := w.Start(t, i, testkit.NewPerson(9))
			enrol.PublicKey = c.key
			if _, err := i.Enrol(t.Context(), enrol); code(err) != c.want {
				t.Errorf("enrolment: %v, want %s", err, c.want)
			}
			rekey := w.Recovery(t, i, testkit.NewPerson(2).Again(10))
			rekey.PublicKey = c.key
			if _, _, err := i.Recover(t.Context(), rekey); code(err) != c.want {
				t.Errorf("recovery: %v, want %s", err, c.want)
			}
			del := testkit.Deletion(t, i, testkit.NewPerson(2).ID)
			del.PublicKey = c.key
			if _, _, err := i.Delete(t.Context(), del); code(err) != c.want {
				t.Errorf("deletion: %v, want %s", err, c.want)
			}
		})
	}
	if h := head(t, w, i); h.Live != 2 {
		t.Error("somebody got in, or out")
	}
}

// T12: one commitment twice in one batch, with two captures, makes one member.
func TestT12OneBatch(t *testing.T) {
	w, i := start(t)
	alice := testkit.NewPerson(1)
	var reqs []api.EnrolmentRequest
	for n := range uint64(4) {
		reqs = append(reqs, w.Start(t, i, &testkit.Person{ID: alice.ID, Face: testkit.NewPerson(10 + n).Face}))
	}
	reqs = append(reqs, w.Start(t, i, alice.Again(7)), w.Start(t, i, alice.Again(8)))
	results, err := i.EnrolMany(t.Context(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[api.Code]int{}
	for _, r := range results {
		codes[code(r.Err)]++
	}
	if codes[""] != 2 || codes[api.CommitmentExists] != 3 || codes[api.AlreadyEnrolled] != 1 {
		t.Errorf("%v", codes)
	}
	if h := head(t, w, i); h.Live != 2 {
		t.Error(h.Live)
	}
}

// T12: of many recoveries of one person at once, to different secrets, one is
// taken in; of many copies of one request, all get one answer.
func TestT12Recoveries(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 2)
	const racers = 8
	results := make(chan error, 2*racers)
	same := w.Recovery(t, i, testkit.NewPerson(2).Again(99))
	ids := make(chan string, racers)
	for n := range uint64(racers) {
		s, err := i.StartSession(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := testkit.NewPerson(1).Again(100 + n)
		req := api.RecoveryRequest(w.RequestBy(t, w.NewDevice(t), s, p))
		raw, _ := scope.DecodeToken(s.Nonce)
		sig, err := p.ID.Sign(scope.RekeyMessage([32]byte(raw), s.Issuer, p.ID.Commitment())).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		req.Signature = b64(sig)
		go func() { _, _, err := i.Recover(t.Context(), req); results <- err }()
		go func() {
			r, _, err := i.Recover(t.Context(), same)
			ids <- r.ID
			results <- err
		}()
	}
	codes := map[api.Code]int{}
	one := map[string]bool{}
	for range 2 * racers {
		codes[code(<-results)]++
	}
	for range racers {
		one[<-ids] = true
	}
	if codes[""] != 1+racers || codes[api.RecoveryPending] != racers-1 || len(one) != 1 {
		t.Errorf("%v, %d answers", codes, len(one))
	}
}
