//go:build js && wasm

package main

import (
	"context"
	"crypto/rand"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore"
)

// maxKey bounds the length of an imported key; official identities may have
// keys of any length.
const maxKey = 4096

func (e *engine) configure(_ context.Context, args []js.Value) (any, error) {
	e.host.set(bridge.Arg(args, 0))
	return nil, nil
}

func (e *engine) newKey(context.Context, []js.Value) (any, error) {
	key, err := wallet.NewKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return bridge.ToBytes(key), nil
}

// secretKey reads the first argument; the caller overwrites it after use.
func secretKey(args []js.Value) ([]byte, error) {
	key, err := bridge.FromBytes(bridge.Arg(args, 0), maxKey)
	if err != nil || len(key) < wallet.MinKey {
		return nil, &wallet.Refusal{Code: wallet.SecretInvalid, Detail: "a key is a Uint8Array of 16 bytes or more"}
	}
	return key, nil
}

func (e *engine) identity(_ context.Context, args []js.Value) (any, error) {
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	id := semaphore.IdentityFromKey(key)
	return bridge.Record("commitment", id.Commitment().String(), "public_key", publicKey(id.PublicKey())), nil
}

func publicKey(k semaphore.PublicKey) []any { return []any{k.X.String(), k.Y.String()} }

func (e *engine) possession(_ context.Context, args []js.Value) (any, error) {
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	o := bridge.Object(bridge.Arg(args, 1))
	nonce, issuer := o.Digest("nonce"), o.Text("issuer", 255)
	if o.Err == nil && nonce == [32]byte{} {
		o.Fail("nonce", "32 bytes in base64url")
	}
	if o.Err != nil {
		return nil, o.Err
	}
	purpose := wallet.Purpose(o.Optional("purpose", 16))
	if purpose == "" {
		purpose = wallet.ToEnrol
	}
	return possessed(purpose.Possess(semaphore.IdentityFromKey(key), key, issuer, nonce))
}

// exportKey and importKey use the official text form of an identity: standard
// base64 of the key, read strictly.
func (e *engine) exportKey(_ context.Context, args []js.Value) (any, error) {
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return semaphore.IdentityFromKey(key).Export(), nil
}

func (e *engine) importKey(_ context.Context, args []js.Value) (any, error) {
	v := bridge.Arg(args, 0)
	if v.Type() != js.TypeString {
		return nil, &wallet.Refusal{Code: wallet.SecretInvalid, Detail: "a base64 string is expected"}
	}
	id, err := semaphore.ParseIdentity(v.String())
	if err != nil || len(id.Key()) > maxKey {
		// The parser's error is dropped: it must not quote what was pasted.
		return nil, &wallet.Refusal{Code: wallet.SecretInvalid, Detail: "not an exported identity"}
	}
	key := id.Key()
	defer clear(key)
	if len(key) < wallet.MinKey {
		return nil, &wallet.Refusal{Code: wallet.SecretInvalid, Detail: "this key is too short to be a secret"}
	}
	return bridge.ToBytes(key), nil
}
