//go:build js && wasm

package main

import (
	"context"
	"encoding/json"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
)

// maxPoll bounds the text of a poll in a page.
const maxPoll = 64 << 20

// recount counts a poll again, as JSON text in and a tally.Report as JSON text
// out, with no network.
func (c *checker) recount(_ context.Context, args []js.Value) (any, error) {
	o := bridge.Object(bridge.Arg(args, 0))
	text := o.Text("poll", maxPoll)
	cfg := tally.Config{Issuer: o.Text("issuer", 1024), Log: o.Text("log", 1024)}
	for _, receipt := range o.Texts("receipts", 64, 64<<10) {
		cfg.Receipts = append(cfg.Receipts, []byte(receipt))
	}
	if o.Err != nil {
		return nil, o.Err
	}
	var err error
	if cfg.Verifier, err = c.verifier(); err != nil {
		return nil, err
	}
	d, err := tally.ParseDocument([]byte(text))
	if err != nil {
		return nil, err
	}
	report, err := json.Marshal(tally.Recount(d, cfg))
	return string(report), err
}
