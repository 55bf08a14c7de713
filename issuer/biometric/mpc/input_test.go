package mpc_test

import (
	"slices"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

var shape = dot.Shape{Columns: 200}

func splitEye(t testing.TB, seed byte, eye iris.Template) [3]dot.Share {
	t.Helper()
	return splitShape(t, shape, seed, eye)
}

func splitShape(t testing.TB, shape dot.Shape, seed byte, eye iris.Template) [3]dot.Share {
	t.Helper()
	out, err := dot.Split(source(seed), shape, eye)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func splitPair(t testing.TB, seed byte, pair iris.Pair) (out [3]dot.Person) {
	t.Helper()
	left, right := splitEye(t, seed, pair.Left), splitEye(t, seed+100, pair.Right)
	for i := range out {
		out[i] = dot.Person{Left: left[i], Right: right[i]}
	}
	return out
}

// forged splits values that no template has: change gets those of a good eye,
// by planes, quadruples and columns.
func forged(t testing.TB, seed byte, eye iris.Template, change func(values []uint16)) (out [3]dot.Share) {
	t.Helper()
	good := splitEye(t, seed, eye)
	values, err := galois.Open([3][]uint16{good[0].Words(), good[1].Words(), good[2].Words()})
	if err != nil {
		t.Fatal(err)
	}
	change(values)
	shares, err := galois.Split(source(seed+50), values)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		copy(good[i].Words(), shares[i])
	}
	return good
}

// check runs the input checks for people at three parties, which must agree.
func check(t testing.TB, s [3]*mpc.Session, number uint64, people ...[3]dot.Person) []bool {
	t.Helper()
	var got [3][]bool
	must(t, three(func(i int) (err error) {
		var mine []dot.Person
		for _, p := range people {
			mine = append(mine, p[i])
		}
		got[i], err = s[i].CheckInputs(t.Context(), number, [32]byte{3}, mine)
		return err
	}))
	if !slices.Equal(got[0], got[1]) || !slices.Equal(got[0], got[2]) {
		t.Fatal("the parties do not agree")
	}
	return got[0]
}

// What a device may send passes, and one wrong value anywhere does not.
func TestInputChecks(t *testing.T) {
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	pair := synth.New(7).Person(1).Sample(0)
	other := synth.New(7).Person(2).Sample(0)
	plane := shape.Words() / 3
	at := func(values []uint16, mask uint16, from int) int {
		for k := from; k < plane; k++ {
			if values[2*plane+k] == mask {
				return k
			}
		}
		t.Fatal("no such value")
		return 0
	}
	bad := map[string]func(v []uint16){
		"code 2":            func(v []uint16) { v[at(v, 1, 0)] = 2 },
		"code -2":           func(v []uint16) { v[at(v, 0, 0)] = 0xfffe },
		"code 3":            func(v []uint16) { v[at(v, 1, 500)] = 3 },
		"code 2^15":         func(v []uint16) { v[plane+at(v, 0, 100)] = 0x8000 },
		"code 2^15+1":       func(v []uint16) { v[at(v, 1, 900)] = 0x8001 },
		"code 256":          func(v []uint16) { v[plane+at(v, 0, 3000)] = 256 }, // 256^2 = 0 modulo 2^16
		"seen, not in mask": func(v []uint16) { v[at(v, 0, 0)] = 1 },
		"im not in mask":    func(v []uint16) { v[plane+at(v, 0, 9)] = 0xffff },
		"in mask, not seen": func(v []uint16) { v[at(v, 1, 6000)] = 0 },
		"mask 2":            func(v []uint16) { v[2*plane+at(v, 0, 0)] = 2 },
		"mask 3":            func(v []uint16) { v[2*plane+at(v, 1, 77)] = 3 },
		"mask 2^15":         func(v []uint16) { v[2*plane+at(v, 0, 6000)] = 0x8000 },
		"mask 2^15+1":       func(v []uint16) { v[2*plane+at(v, 1, 6000)] = 0x8001 },
		"last code":         func(v []uint16) { v[2*plane-1] += 2 },
		"last mask":         func(v []uint16) { v[3*plane-1] += 2 },
		"empty":             func(v []uint16) { clear(v) },
		"everything 2^15": func(v []uint16) {
			for k := range v {
				v[k] += 0x8000
			}
		},
		"mask below the least": func(v []uint16) { reduce(v, plane, mpc.MinMask-1) },
	}
	good := splitPair(t, 1, pair)
	inconsistent := splitPair(t, 3, pair)
	inconsistent[2].Right.Words()[19199]++
	if got := check(t, sessions, number, good, inconsistent, splitPair(t, 2, other)); !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("two good ones and one whose shares differ: %v", got)
	}
	number++
	least := splitPair(t, 4, pair)
	for i, s := range forged(t, 5, pair.Left, func(v []uint16) { reduce(v, plane, mpc.MinMask) }) {
		least[i].Left = s
	}
	if got := check(t, sessions, number, least); !got[0] {
		t.Error("the least mask is refused")
	}
	number++
	for name, change := range bad {
		people := [2][3]dot.Person{splitPair(t, 6, pair), splitPair(t, 6, pair)}
		for i, s := range forged(t, 8, pair.Left, change) {
			people[0][i].Left = s
		}
		for i, s := range forged(t, 9, pair.Right, change) {
			people[1][i].Right = s
		}
		if got := check(t, sessions, number, people[0], good, people[1]); !slices.Equal(got, []bool{false, true, false}) {
			t.Errorf("%s: %v", name, got)
		}
		number++
	}
}

// reduce leaves n mask values set.
func reduce(v []uint16, plane, n int) {
	for k := range plane {
		if v[2*plane+k] != 1 {
			continue
		}
		if n--; n < 0 {
			v[k], v[plane+k], v[2*plane+k] = 0, 0, 0
		}
	}
}
