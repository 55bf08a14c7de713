package prove

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// artifactDir holds the official artifacts that are not committed here.
const artifactDir = "../../sdk/web/node_modules/@zk-kit/semaphore-artifacts"

// artifact reads an official file, or skips the test: tests that need node
// packages are complete only where those are installed, and CI installs them.
func artifact(t testing.TB, depth int, ext string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(artifactDir, "semaphore-"+strconv.Itoa(depth)+"."+ext))
	if err != nil {
		missing(t, "official artifacts not installed in sdk/web/node_modules: "+err.Error())
	}
	return b
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// oracle is the official witness calculator, run in wazero.
type oracle struct {
	depth, wires int
	calls        map[string]api.Function
	memory       api.Memory
	shared       uint32 // address of the 32 bytes that carry a number
}

func newOracle(t testing.TB, depth int) *oracle {
	t.Helper()
	ctx := context.Background()
	wasm := artifact(t, depth, "wasm")
	rt := wazero.NewRuntime(ctx)
	t.Cleanup(func() { rt.Close(ctx) })
	nop0 := func(context.Context) {}
	nop1 := func(context.Context, uint32) {}
	_, err := rt.NewHostModuleBuilder("runtime").
		NewFunctionBuilder().WithFunc(func(_ context.Context, code uint32) { panic(fmt.Errorf("%w: code %d", errNoWitness, code)) }).Export("exceptionHandler").
		NewFunctionBuilder().WithFunc(nop0).Export("printErrorMessage").
		NewFunctionBuilder().WithFunc(nop0).Export("writeBufferMessage").
		NewFunctionBuilder().WithFunc(nop0).Export("showSharedRWMemory").
		NewFunctionBuilder().WithFunc(nop1).Export("error").
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := rt.Instantiate(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	o := &oracle{depth: depth, calls: map[string]api.Function{}, memory: mod.Memory()}
	for _, name := range []string{"init", "getWitnessSize", "getFieldNumLen32", "getSharedRWMemoryStart", "setInputSignal", "getWitness"} {
		if o.calls[name] = mod.ExportedFunction(name); o.calls[name] == nil {
			t.Fatalf("the calculator exports no %s", name)
		}
	}
	o.shared = uint32(o.mustCall(t, "getSharedRWMemoryStart"))
	o.wires = int(o.mustCall(t, "getWitnessSize"))
	if n := o.mustCall(t, "getFieldNumLen32"); n != 8 {
		t.Fatalf("the calculator works on %d words a number", n)
	}
	return o
}

func (o *oracle) call(name string, args ...uint64) (uint64, error) {
	out, err := o.calls[name].Call(context.Background(), args...)
	if err != nil || len(out) == 0 {
		return 0, err
	}
	return out[0], nil
}

func (o *oracle) mustCall(t testing.TB, name string, args ...uint64) uint64 {
	t.Helper()
	v, err := o.call(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (o *oracle) set(name string, values ...fr.Element) error {
	h := fnv.New64a()
	h.Write([]byte(name))
	sum := h.Sum64()
	for i, v := range values {
		b := v.Bytes()
		slices.Reverse(b[:])
		o.memory.Write(o.shared, b[:])
		if _, err := o.call("setInputSignal", sum>>32, sum&0xffffffff, uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// solve gives every wire for one input, or errNoWitness.
func (o *oracle) solve(in *inputs) ([]fr.Element, error) {
	if _, err := o.call("init", 1); err != nil {
		return nil, err
	}
	siblings := make([]fr.Element, o.depth)
	copy(siblings, in.siblings)
	for _, s := range []struct {
		name   string
		values []fr.Element
	}{
		{"secret", []fr.Element{in.secret}},
		{"merkleProofLength", []fr.Element{fr.NewElement(uint64(in.length))}},
		{"merkleProofIndex", []fr.Element{fr.NewElement(in.index)}},
		{"merkleProofSiblings", siblings},
		{"message", []fr.Element{in.message}},
		{"scope", []fr.Element{in.scope}},
	} {
		if err := o.set(s.name, s.values...); err != nil {
			return nil, err
		}
	}
	out := make([]fr.Element, o.wires)
	for i := range out {
		if _, err := o.call("getWitness", uint64(i)); err != nil {
			return nil, err
		}
		b, ok := o.memory.Read(o.shared, 32)
		if !ok {
			return nil, errors.New("oracle: shared memory out of range")
		}
		be := slices.Clone(b)
		slices.Reverse(be)
		out[i].SetBytes(be)
	}
	return out, nil
}
