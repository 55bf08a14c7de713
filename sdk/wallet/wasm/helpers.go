//go:build js && wasm

package main

import (
	"context"
	"syscall/js"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore/prove"
)

// helperPatience is how long a helper may be behind when this instance has
// done its own share. Shares take about equally long; a worker that the browser
// has ended says nothing.
const helperPatience = 5 * time.Second

// helpers are other workers, each with an instance of this program: prove's
// view of what the worker lends as
//
//	helpers() -> Promise of {number, load(helper, section, g2, points) -> Promise,
//	                         sum(section, scalars) -> Promise of a Uint8Array, drop(section)}
type helpers struct {
	pool   js.Value
	number int
}

var _ prove.Helpers = (*helpers)(nil)

// helpers starts what helpers there are to be; nil if there are none.
func (h *host) helpers(ctx context.Context) *helpers {
	f, ok := h.get("helpers")
	if !ok {
		return nil
	}
	v, err := bridge.Await(ctx, f.Invoke(), string(wallet.ProofFailed))
	if err != nil || v.Type() != js.TypeObject || v.Get("number").Type() != js.TypeNumber || v.Get("number").Int() < 1 {
		return nil
	}
	return &helpers{v, v.Get("number").Int()}
}

func (h *helpers) Number() int { return h.number }

func (h *helpers) Load(helper, section int, p prove.Points) error {
	_, err := bridge.Await(context.Background(), h.pool.Call("load", helper, section, p.G2, bridge.ToBytes(p.Data)), string(wallet.ProofFailed))
	return err
}

func (h *helpers) Start(section int, scalars []byte) func(context.Context) ([]byte, error) {
	promise := h.pool.Call("sum", section, bridge.ToBytes(scalars))
	return func(ctx context.Context) ([]byte, error) {
		// Dropping the helper makes its promise reject.
		patience := time.AfterFunc(helperPatience, func() { h.pool.Call("drop", section) })
		defer patience.Stop()
		v, err := bridge.Await(ctx, promise, string(wallet.ProofFailed))
		if err != nil {
			return nil, err
		}
		return bridge.FromBytes(v, maxSum)
	}
}

// maxSum is more than the bytes of one point.
const maxSum = 1024

// sections is the other side: this program as a helper, which holds points of
// the key and nothing else.
type sections struct {
	held map[int]*prove.Section
}

func (s *sections) load(_ context.Context, args []js.Value) (any, error) {
	b, err := bridge.FromBytes(bridge.Arg(args, 2), maxZKey)
	if err != nil {
		return nil, err
	}
	number, g2 := bridge.Arg(args, 0), bridge.Arg(args, 1)
	if number.Type() != js.TypeNumber || g2.Type() != js.TypeBoolean {
		return nil, bridge.Invalid("a section has a number and a group")
	}
	s.held[number.Int()], err = prove.NewSection(prove.Points{G2: g2.Bool(), Data: b})
	return nil, err
}

func (s *sections) sum(ctx context.Context, args []js.Value) (any, error) {
	scalars, err := bridge.FromBytes(bridge.Arg(args, 1), maxZKey)
	if err != nil {
		return nil, err
	}
	defer clear(scalars)
	number := bridge.Arg(args, 0)
	if number.Type() != js.TypeNumber || s.held[number.Int()] == nil {
		return nil, bridge.Invalid("no such section")
	}
	out, err := s.held[number.Int()].Sum(ctx, scalars)
	if err != nil {
		return nil, err
	}
	return bridge.ToBytes(out), nil
}
