package mpc_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// epochFile is the shares of a new epoch, in memory. It fails where it is told.
type epochFile struct {
	epoch  mpc.Epoch
	places [][]uint16
	kept   bool
	fail   string
}

var errDisk = errors.New("disk")

func (f *epochFile) Start(e mpc.Epoch) error {
	if f.fail == "start" {
		return errDisk
	}
	f.epoch = e
	return nil
}

func (f *epochFile) Write(place int, words []uint16) error {
	if f.fail == "write" && place == 1 {
		return errDisk
	}
	if place != len(f.places) {
		return errDisk
	}
	f.places = append(f.places, slices.Clone(words))
	return nil
}

func (f *epochFile) Keep() error {
	if f.fail == "keep" {
		return errDisk
	}
	f.kept = true
	return nil
}

// refresh refreshes three parties and puts new ones of the new epoch in their
// place.
func (p *parties) refresh() (files [3]epochFile) {
	p.t.Helper()
	var epochs [3]mpc.Epoch
	must(p.t, three(func(i int) (err error) {
		epochs[i], err = p.all[i].Refresh(p.t.Context(), p.number, &files[i])
		return err
	}))
	p.number++
	for i, old := range p.all {
		if epochs[i] != epochs[0] || files[i].epoch != epochs[0] || !files[i].kept || epochs[i].Number != old.Epoch().Number+1 {
			p.t.Fatalf("party %d is in epoch %v", i, epochs[i])
		}
		if err := old.Begin(mpc.Serial{77}, mpc.Capture{77}, make([]uint16, old.Modality().Words())); !errors.Is(err, mpc.ErrEpoch) {
			p.t.Errorf("the party of the old epoch goes on: %v", err)
		}
		p.all[i] = p.restored(i, epochs[i], files[i].places)
	}
	return files
}

func (p *parties) restored(i int, e mpc.Epoch, places [][]uint16) *mpc.Party {
	p.t.Helper()
	fresh, err := mpc.NewParty(i, p.all[i].Modality(), p.all[i].Roll(), e, mpc.Prefix)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, words := range places {
		if err := fresh.Restore(words); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := fresh.Connect(p.sessions[i]); err != nil {
		p.t.Fatal(err)
	}
	return fresh
}

// After a refresh the same people are known, who is gone stays gone, the new
// shares have nothing of the old ones, and one share of each epoch gives nobody.
func TestRefresh(t *testing.T) {
	exact, err := mpc.ExactIrises(200, 3450, 2800)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []mpc.Modality{irises(t, shape, dot.Third()), exact} {
		p, crowd := newParties(t, m), synth.New(61)
		p.shape.Exact = m == exact
		for n := range byte(4) {
			p.begin(n, crowd.Person(uint64(n)).Sample(0))
		}
		p.check(mpc.Serial{0}, mpc.Serial{1}, mpc.Serial{2}, mpc.Serial{3})
		must(t, three(func(i int) error {
			return errors.Join(p.all[i].Commit(mpc.Serial{0}), p.all[i].Free(mpc.Serial{1}))
		}))
		first := p.refresh()
		second := p.refresh()
		for i := range first {
			if first[i].places[1] != nil || first[i].epoch == second[i].epoch {
				t.Errorf("party %d: somebody who is gone has shares, or the epoch stayed", i)
			}
			diff := make([]byte, 0, 2*len(first[i].places[0]))
			for k, w := range first[i].places[0] {
				w ^= second[i].places[0][k]
				diff = append(diff, byte(w), byte(w>>8))
			}
			if x := chi(diff[:25600]); math.Abs(x) > 6 { // of the code planes of an eye
				t.Errorf("party %d: the difference of two epochs is %.1f deviations off", i, x)
			}
		}
		open := func(a, b, c [3]epochFile) error {
			n := 12800 // both code planes of the left eye
			_, err := galois.Open([3][]uint16{a[0].places[0][:n], b[1].places[0][:n], c[2].places[0][:n]})
			return err
		}
		if err := open(second, second, second); err != nil {
			t.Errorf("shares of one epoch: %v", err)
		}
		if err := open(first, second, second); !errors.Is(err, galois.ErrInconsistent) {
			t.Errorf("shares of two epochs: %v", err)
		}
		for n, want := range []bool{true, false, true, true} {
			s := mpc.Serial{byte(100 + n)}
			p.begin(s[0], crowd.Person(uint64(n)).Sample(4))
			if valid := p.check(s); !valid[0] {
				t.Fatalf("person %d is refused", n)
			}
			if place, known := p.find(s); known != want || known && place != n {
				t.Errorf("person %d is found at %d, %v", n, place, known)
			}
			must(t, three(func(i int) error { return p.all[i].Free(s) }))
		}
	}
}

// Faces too; and who begins after the refresh has the same words in both epochs.
func TestRefreshFaces(t *testing.T) {
	p, crowd := newParties(t, mpc.Faces()), synth.New(62)
	for n := range byte(3) {
		p.beginFace(n, crowd.Person(uint64(n)).SampleFace(0))
	}
	p.refresh()
	for n := range byte(4) {
		s := mpc.Serial{100 + n}
		p.beginFace(s[0], crowd.Person(uint64(n)).SampleFace(1))
		p.check(s)
		if place, known := p.find(s); known != (n < 3) || known && place != int(n) {
			t.Errorf("person %d is found at %d, %v", n, place, known)
		}
	}
}

// A refresh that fails anywhere, at any party, switches nobody: the parties go on
// in their epoch with a new session, and the next refresh passes.
func TestRefreshFails(t *testing.T) {
	p, crowd := newParties(t, mpc.Faces()), synth.New(63)
	for n := range byte(3) {
		p.beginFace(n, crowd.Person(uint64(n)).SampleFace(0))
	}
	for at, fail := range []string{"start", "write", "keep"} {
		var files [3]epochFile
		files[at].fail = fail
		for i, err := range three(func(i int) error {
			_, err := p.all[i].Refresh(t.Context(), p.number, &files[i])
			return err
		}) {
			if err == nil {
				t.Errorf("%s: party %d switched", fail, i)
			}
			if i == at && !errors.Is(err, errDisk) {
				t.Errorf("%s: %v", fail, err)
			}
		}
		p.sessions = newRoom(t).sessions(t, time.Minute, nil)
		p.number = p.sessions[0].First()
		for i := range p.all {
			if err := p.all[i].Connect(p.sessions[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.refresh()
	s := mpc.Serial{100}
	p.beginFace(100, crowd.Person(1).SampleFace(1))
	p.check(s)
	if place, known := p.find(s); !known || place != 1 {
		t.Errorf("found at %d, %v", place, known)
	}
}

// A party that missed the switch computes nothing with those that did not; with
// the shares that it kept it does.
func TestMissedSwitch(t *testing.T) {
	p, crowd := newParties(t, mpc.Faces()), synth.New(64)
	p.beginFace(0, crowd.Person(0).SampleFace(0))
	old := p.all[2]
	kept := p.refresh()
	late := p.all[2]
	p.all[2] = p.restored(2, old.Epoch(), [][]uint16{kept[2].places[0]})
	p.beginFace(1, crowd.Person(0).SampleFace(1))
	for i, err := range three(func(i int) error {
		_, err := p.all[i].Check(t.Context(), p.number, mpc.Serial{1})
		return err
	}) {
		if err == nil {
			t.Errorf("party %d has an answer of two epochs", i)
		}
	}
	words := kept[2].places
	shares := faceShares(t, p.seed, [128]int32(widen(crowd.Person(0).SampleFace(1))))
	b, _ := shares[2].MarshalBinary()
	fresh, err := mpc.Faces().Parse(2, b)
	if err != nil {
		t.Fatal(err)
	}
	p.sessions = newRoom(t).sessions(t, time.Minute, nil)
	p.number = p.sessions[0].First()
	for i := range 2 {
		if err := p.all[i].Connect(p.sessions[i]); err != nil {
			t.Fatal(err)
		}
	}
	p.all[2] = p.restored(2, late.Epoch(), append(words, fresh))
	p.check(mpc.Serial{1})
	if place, known := p.find(mpc.Serial{1}); !known || place != 0 {
		t.Errorf("after the switch: %d, %v", place, known)
	}
}
