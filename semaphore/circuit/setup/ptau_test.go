package setup

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"golang.org/x/crypto/blake2b"

	"github.com/perhuman/perhuman/semaphore/circuit/ptautest"
)

func TestReadPtau(t *testing.T) {
	file := goodFile()
	p := powers(t, 0)
	if p.Power() != plonkPower || len(p.tau1) != 2<<plonkPower-1 || len(p.alpha1) != 1<<plonkPower {
		t.Fatal("sizes")
	}
	small := powers(t, 3)
	if small.Power() != 3 || !slices.Equal(small.tau1, p.tau1[:15]) || !slices.Equal(small.tau2, p.tau2[:8]) ||
		!slices.Equal(small.alpha1, p.alpha1[:8]) || !slices.Equal(small.beta1, p.beta1[:8]) || small.beta2 != p.beta2 {
		t.Error("the cut of 2^3 is no prefix")
	}
	sum := blake2b.Sum512(file)
	pin, err := ParsePin(hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	if pin.String() != hex.EncodeToString(sum[:]) {
		t.Error("String")
	}
	if _, err := ReadPtau(iotest.OneByteReader(bytes.NewReader(file)), pin, 2); err != nil {
		t.Errorf("BLAKE2b pin: %v", err)
	}
	broken := errors.New("a disk that fails")
	if _, err := ReadPtau(iotest.TimeoutReader(iotest.ErrReader(broken)), pin, 2); !errors.Is(err, broken) || errors.Is(err, ErrPtau) {
		t.Errorf("disk: %v", err)
	}
}

func TestPin(t *testing.T) {
	for _, text := range []string{"", "00", "zz", string(bytes.Repeat([]byte("0"), 63)), string(bytes.Repeat([]byte("0"), 65)), string(bytes.Repeat([]byte("0"), 127))} {
		if _, err := ParsePin(text); !errors.Is(err, ErrPinSyntax) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ReadPtau(bytes.NewReader(goodFile()), Pin{}, 2); !errors.Is(err, ErrPinSyntax) {
		t.Errorf("no pin: %v", err)
	}
	// One bit anywhere, also in parts that are skipped.
	pin := pinOf(t, goodFile())
	for _, at := range []int{len(goodFile()) - 1, len(goodFile()) / 2, 1000} {
		b := slices.Clone(goodFile())
		b[at] ^= 1
		if _, err := ReadPtau(bytes.NewReader(b), pin, 1); !errors.Is(err, ErrPin) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

// Every file here has a pin that fits: what is refused is what it says.
func TestPtauRefusals(t *testing.T) {
	const power = 3
	good := ptautest.Sections(power, ptautest.Known())
	with := func(change func(s []ptautest.Section) []ptautest.Section) []byte {
		s := make([]ptautest.Section, len(good))
		for i := range good {
			s[i] = ptautest.Section{Kind: good[i].Kind, Data: slices.Clone(good[i].Data)}
		}
		return ptautest.File(change(s))
	}
	at := func(kind int, f func(b []byte) []byte) []byte {
		return with(func(s []ptautest.Section) []ptautest.Section { s[kind-1].Data = f(s[kind-1].Data); return s })
	}
	secret := func(change func(s *ptautest.Secrets)) []byte {
		s := ptautest.Known()
		change(&s)
		return ptautest.File(ptautest.Sections(power, s))
	}
	mix := func(kind int, change func(s *ptautest.Secrets)) []byte {
		s := ptautest.Known()
		change(&s)
		return with(func(sections []ptautest.Section) []ptautest.Section {
			sections[kind-1] = ptautest.Sections(power, s)[kind-1]
			return sections
		})
	}
	set := func(offset int, v []byte) func(b []byte) []byte {
		return func(b []byte) []byte { copy(b[offset:], v); return b }
	}
	one, zero, two := fr.One(), fr.Element{}, fr.NewElement(2)
	modulus := make([]byte, fp.Bytes)
	for i, b := range fp.Modulus().Bytes() {
		modulus[fp.Bytes-1-i] = b
	}
	file := ptautest.File(good)
	u32 := func(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":                  {nil, ErrPtau},
		"magic":                  {append([]byte("zkey"), file[4:]...), ErrPtau},
		"version":                {set(4, u32(2))(slices.Clone(file)), ErrPtau},
		"cut":                    {file[:len(file)-1], ErrPtau},
		"cut in the points":      {file[:300], ErrPtau},
		"longer":                 {append(slices.Clone(file), 0), ErrPtau},
		"fewer sections":         {set(8, u32(6))(slices.Clone(file)), ErrPtau},
		"more sections":          {set(8, u32(8))(slices.Clone(file)), ErrPtau},
		"no header":              {with(func(s []ptautest.Section) []ptautest.Section { return s[1:] }), ErrPtau},
		"header second":          {with(func(s []ptautest.Section) []ptautest.Section { s[0], s[1] = s[1], s[0]; return s }), ErrPtau},
		"a section twice":        {with(func(s []ptautest.Section) []ptautest.Section { return append(s, s[2]) }), ErrPtau},
		"no beta":                {with(func(s []ptautest.Section) []ptautest.Section { return append(s[:4], s[5:]...) }), ErrPtau},
		"another curve":          {at(secHeader, set(10, []byte{1})), ErrPtau},
		"longer coordinates":     {at(secHeader, func(b []byte) []byte { return append(b, 0) }), ErrPtau},
		"coordinates of 31":      {at(secHeader, set(0, u32(31))), ErrPtau},
		"power 0":                {at(secHeader, set(36, u32(0))), ErrPtau},
		"power 29":               {at(secHeader, set(36, u32(29))), ErrPtau},
		"power 28, a small file": {at(secHeader, set(36, u32(28))), ErrPtau},
		"power 4 of 3":           {at(secHeader, set(36, u32(4))), ErrPtau},
		"a point less":           {at(secTau1, func(b []byte) []byte { return b[g1Size:] }), ErrPtau},
		"a byte more":            {at(secTau2, func(b []byte) []byte { return append(b, 0) }), ErrPtau},
		"two betas in G2":        {at(secBeta2, func(b []byte) []byte { return append(b, b...) }), ErrPtau},

		"coordinate q":       {at(secTau1, set(2*g1Size, modulus)), ErrPoint},
		"coordinate q in G2": {at(secTau2, set(2*g2Size+96, modulus)), ErrPoint},
		"off the curve":      {at(secAlpha1, func(b []byte) []byte { b[g1Size] ^= 1; return b }), ErrPoint},
		"off the curve, G2":  {at(secTau2, func(b []byte) []byte { b[g2Size] ^= 1; return b }), ErrPoint},
		"infinity":           {at(secBeta1, set(g1Size, make([]byte, g1Size))), ErrPoint},
		"infinity, G2":       {at(secTau2, set(g2Size, make([]byte, g2Size))), ErrPoint},
		"off the subgroup":   {at(secTau2, set(g2Size, offSubgroup(t))), ErrPoint},
		"off it, beta":       {at(secBeta2, set(0, offSubgroup(t))), ErrPoint},
		"tau 0":              {secret(func(s *ptautest.Secrets) { s.Tau = zero }), ErrPoint},
		"alpha 0":            {secret(func(s *ptautest.Secrets) { s.Alpha = zero }), ErrPoint},
		"beta 0":             {secret(func(s *ptautest.Secrets) { s.Beta = zero }), ErrPoint},

		"tau 1":             {secret(func(s *ptautest.Secrets) { s.Tau = one }), ErrNoContribution},
		"alpha 1":           {secret(func(s *ptautest.Secrets) { s.Alpha = one }), ErrNoContribution},
		"beta 1":            {secret(func(s *ptautest.Secrets) { s.Beta = one }), ErrNoContribution},
		"another generator": {at(secTau1, func(b []byte) []byte { copy(b, b[g1Size:2*g1Size]); return b }), ErrPowers},
		"another in G2":     {at(secTau2, func(b []byte) []byte { copy(b, b[g2Size:2*g2Size]); return b }), ErrPowers},
		"two taus, G1":      {mix(secTau1, func(s *ptautest.Secrets) { s.Tau = two }), ErrPowers},
		"two taus, G2":      {mix(secTau2, func(s *ptautest.Secrets) { s.Tau = two }), ErrPowers},
		"two taus, alpha":   {mix(secAlpha1, func(s *ptautest.Secrets) { s.Tau = two }), ErrPowers},
		"two taus, beta":    {mix(secBeta1, func(s *ptautest.Secrets) { s.Tau = two }), ErrPowers},
		"two betas":         {mix(secBeta2, func(s *ptautest.Secrets) { s.Beta = two }), ErrPowers},
		"the last power":    {at(secTau1, func(b []byte) []byte { copy(b[14*g1Size:], b[13*g1Size:14*g1Size]); return b }), ErrPowers},
		"a power in alpha":  {at(secAlpha1, func(b []byte) []byte { copy(b[7*g1Size:], b[:g1Size]); return b }), ErrPowers},
	} {
		if _, err := ReadPtau(bytes.NewReader(c.file), pinOf(t, c.file), 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := ReadPtau(bytes.NewReader(file), pinOf(t, file), power); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for _, wanted := range []int{-1, power + 1} {
		if _, err := ReadPtau(bytes.NewReader(file), pinOf(t, file), wanted); !errors.Is(err, ErrTooSmall) {
			t.Errorf("power %d wanted: %v", wanted, err)
		}
	}
}

// offSubgroup is a point of the twist outside G2.
func offSubgroup(t testing.TB) []byte {
	t.Helper()
	var p bn254.G2Affine
	_, _, _, g2 := bn254.Generators()
	// y^2 = x^3 + b with the b of the twist, read off the generator.
	var b bn254.E2
	b.Square(&g2.Y)
	var x3 bn254.E2
	x3.Square(&g2.X).Mul(&x3, &g2.X)
	b.Sub(&b, &x3)
	for x := uint64(1); x < 100; x++ {
		p.X.A0.SetUint64(x)
		p.X.A1.SetZero()
		var y2 bn254.E2
		y2.Square(&p.X).Mul(&y2, &p.X).Add(&y2, &b)
		if y2.Legendre() != 1 {
			continue
		}
		p.Y.Sqrt(&y2)
		if p.IsOnCurve() && !p.IsInSubGroup() {
			return ptautest.AppendCoordinates(nil, p.X.A0, p.X.A1, p.Y.A0, p.Y.A1)
		}
	}
	t.Fatal("no such point")
	return nil
}

func FuzzPtau(f *testing.F) {
	f.Add(ptautest.Ptau(1))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ReadPtau(bytes.NewReader(b), pinOf(t, b), 0)
		if (p == nil) == (err == nil) {
			t.Fatal("a value and an error, or neither")
		}
	})
}
