package httpapi

import (
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
)

// Bad proofs halve what an app may have inside, down to a floor; good ones give
// it back one by one; other refusals say nothing about the app.
func TestAdmission(t *testing.T) {
	var a admission
	room := func() int {
		t.Helper()
		n := 0
		for a.enter() == nil {
			n++
		}
		if err := a.enter(); api.CodeOf(err) != api.Overloaded {
			t.Fatalf("a full house: %v", err)
		}
		for range n {
			a.leave()
		}
		return n
	}
	if n := room(); n != mostInside {
		t.Fatalf("%d inside at first", n)
	}
	for _, step := range []struct {
		code  api.Code
		times int
		want  int
	}{
		{api.ProofInvalid, 1, mostInside / 2}, {api.ProofInvalid, 2, mostInside / 8}, {api.ProofInvalid, 20, leastInside},
		{api.NullifierAlreadyUsed, 50, leastInside}, {api.OK, 4, leastInside + 4}, {api.OK, 5000, mostInside},
	} {
		for range step.times {
			a.judge(step.code)
		}
		if n := room(); n != step.want {
			t.Errorf("after %d of %s: %d, want %d", step.times, step.code, n, step.want)
		}
	}
}
