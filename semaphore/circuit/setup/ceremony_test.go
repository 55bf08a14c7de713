package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	groth "github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	gnarkio "github.com/consensys/gnark/io"
)

// Two contributions and a beacon give keys that prove and verify; another
// person who holds the same files gets the same keys.
func TestCeremony(t *testing.T) {
	system := preimageR1CS(t)
	c, err := NewCeremony(system, powers(t, 0)) // 2^7 where 2^6 would do
	if err != nil {
		t.Fatal(err)
	}
	transcript := contributions(t, c, 2)
	if err := c.Verify(transcript); err != nil {
		t.Fatal(err)
	}
	kept := [][]byte{slices.Clone(transcript[0]), slices.Clone(transcript[1])}
	pk, vk, err := c.Seal(transcript, beacon)
	if err != nil {
		t.Fatal(err)
	}
	proof := proveGroth16(t, system, pk, vk)

	other, err := NewCeremony(preimageR1CS(t), powers(t, grothPower))
	if err != nil {
		t.Fatal(err)
	}
	if other.Start() != c.Start() {
		t.Fatal("the ceremony starts elsewhere")
	}
	pk2, vk2, err := other.Seal(kept, beacon)
	if err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	for _, err := range []error{write(&a, pk), write(&a, vk), write(&b, pk2), write(&b, vk2)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same transcript gives other keys")
	}
	proveGroth16(t, system, pk2, vk)

	// Keys of another beacon, or of fewer contributions, are others.
	_, vk3, err := c.Seal(transcript, append([]byte("x"), beacon...))
	if err != nil {
		t.Fatal(err)
	}
	_, vk4, err := c.Seal(transcript[:1], beacon)
	if err != nil {
		t.Fatal(err)
	}
	if vk3.G2.Delta == vk.G2.Delta || vk4.G2.Delta == vk.G2.Delta {
		t.Error("beacon or contribution without effect")
	}
	_, public, _ := witnesses(t)
	for name, key := range map[string]groth.VerifyingKey{"another beacon": vk3, "one contribution": vk4} {
		if groth.Verify(proof, key, public) == nil {
			t.Errorf("%s: the proof verifies", name)
		}
	}
}

func write(to io.Writer, key gnarkio.WriterRawTo) error {
	_, err := key.WriteRawTo(to)
	return err
}

func TestTranscriptRefusals(t *testing.T) {
	system := preimageR1CS(t)
	c, err := NewCeremony(system, powers(t, grothPower))
	if err != nil {
		t.Fatal(err)
	}
	good := contributions(t, c, 2)
	stranger := contributions(t, c, 1)
	edit := func(i int, f func(b []byte) []byte) [][]byte {
		out := [][]byte{slices.Clone(good[0]), slices.Clone(good[1])}
		out[i] = f(out[i])
		return out
	}
	// Another circuit of the same shape: same sizes, other parameters.
	twin, err := NewCeremony(compile[*cs.R1CS](t, r1cs.NewBuilder, new(swapped)), powers(t, grothPower))
	if err != nil {
		t.Fatal(err)
	}
	if len(twin.start) != len(c.start) || twin.Start() == c.Start() {
		t.Fatal("the twin is no twin")
	}
	// Contributions that gnark would take for the right shape.
	tamper := func(change func(p *mpcsetup.Phase2)) [][]byte {
		return edit(1, func(b []byte) []byte {
			p, err := c.parse(b)
			if err != nil {
				t.Fatal(err)
			}
			change(p)
			var out bytes.Buffer
			if _, err := p.WriteTo(&out); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		})
	}
	pkkAt := 2 + bn254.SizeOfG1AffineCompressed
	for name, transcript := range map[string][][]byte{
		"empty file":          edit(1, func([]byte) []byte { return nil }),
		"cut":                 edit(1, func(b []byte) []byte { return b[:len(b)-1] }),
		"longer":              edit(1, func(b []byte) []byte { return append(b, 0) }),
		"the start itself":    {c.start},
		"out of order":        {good[1], good[0]},
		"one left out":        {good[1]},
		"twice":               {good[0], good[0]},
		"after another":       {stranger[0], good[1]},
		"first byte":          edit(1, func(b []byte) []byte { b[0] = 1; return b }),
		"a huge list":         edit(1, func(b []byte) []byte { binary.BigEndian.PutUint32(b[pkkAt:], 1<<31); return b }),
		"no point":            edit(1, func(b []byte) []byte { b[pkkAt+8] ^= 1; return b }),
		"challenge":           edit(1, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		"first, changed":      edit(0, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		"delta of nobody":     tamper(func(p *mpcsetup.Phase2) { _, _, p.Parameters.G1.Delta, p.Parameters.G2.Delta = bn254.Generators() }),
		"delta in G1 doubled": tamper(func(p *mpcsetup.Phase2) { p.Parameters.G1.Delta.Double(&p.Parameters.G1.Delta) }),
		"delta in G2 doubled": tamper(func(p *mpcsetup.Phase2) { p.Parameters.G2.Delta.Double(&p.Parameters.G2.Delta) }),
		"one of Z doubled":    tamper(func(p *mpcsetup.Phase2) { p.Parameters.G1.Z[3].Double(&p.Parameters.G1.Z[3]) }),
		"one of K doubled":    tamper(func(p *mpcsetup.Phase2) { p.Parameters.G1.PKK[5].Double(&p.Parameters.G1.PKK[5]) }),
		"two of K swapped": tamper(func(p *mpcsetup.Phase2) {
			k := p.Parameters.G1.PKK
			k[5], k[6] = k[6], k[5]
		}),
	} {
		if err := c.Verify(transcript); !errors.Is(err, ErrContribution) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := c.Seal(transcript, beacon); !errors.Is(err, ErrContribution) {
			t.Errorf("%s: Seal: %v", name, err)
		}
		if _, err := c.Contribute(transcript); !errors.Is(err, ErrContribution) {
			t.Errorf("%s: Contribute: %v", name, err)
		}
	}
	if err := twin.Verify(good); !errors.Is(err, ErrContribution) {
		t.Errorf("another circuit: %v", err)
	}
	if err := c.Verify(good); err != nil {
		t.Errorf("the good one, in the end: %v", err)
	}
	if got := [32]byte(good[0][len(good[0])-sha256.Size:]); got != c.Start() {
		t.Error("the first contribution does not name its start")
	}
	if _, _, err := c.Seal(nil, beacon); !errors.Is(err, ErrNoContribution) {
		t.Errorf("no contribution: %v", err)
	}
	if _, _, err := c.Seal(good, beacon[:MinBeacon-1]); !errors.Is(err, ErrBeacon) {
		t.Errorf("short beacon: %v", err)
	}
	if _, err := NewCeremony(system, powers(t, grothPower-1)); !errors.Is(err, ErrTooSmall) {
		t.Errorf("2^5: %v", err)
	}
	if _, err := NewCeremony(compile[*cs.R1CS](t, r1cs.NewBuilder, new(committed)), powers(t, grothPower)); !errors.Is(err, ErrSystem) {
		t.Errorf("commitments: %v", err)
	}
}

// Contributors need the start alone.
func TestReadStart(t *testing.T) {
	c, err := NewCeremony(preimageR1CS(t), powers(t, grothPower))
	if err != nil {
		t.Fatal(err)
	}
	start := c.StartFile()
	chain, err := ReadStart(start)
	if err != nil {
		t.Fatal(err)
	}
	first, err := chain.Contribute(nil)
	if err != nil {
		t.Fatal(err)
	}
	if chain.Start() != c.Start() || c.Verify([][]byte{first}) != nil {
		t.Error("the chain is not the ceremony's")
	}
	for name, b := range map[string][]byte{
		"empty": nil, "cut": start[:len(start)-1], "longer": append(slices.Clone(start), 0), "a contribution": first,
		"commitments": append([]byte{0, 1}, start[2:]...), "no point": slices.Concat(start[:38], []byte{255}, start[39:]),
		"huge": slices.Concat(start[:34], []byte{255, 255, 255, 255}, start[38:]),
	} {
		if _, err := ReadStart(b); !errors.Is(err, ErrStart) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// swapped is preimage with its inputs the other way round.
type swapped struct{ preimage }

func (c *swapped) Define(api frontend.API) error {
	cipher(api, c.Digest, c.B, c.A)
	return nil
}

// committed uses gnark's commitment, which phase 2 here does not serve.
type committed struct{ A, B frontend.Variable }

func (c *committed) Define(api frontend.API) error {
	x, err := api.(frontend.Committer).Commit(c.A, c.B)
	if err != nil {
		return err
	}
	api.AssertIsDifferent(x, 0)
	return nil
}
