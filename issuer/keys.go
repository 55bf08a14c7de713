package issuer

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// A change of the signing key overlaps: for a time the new key and the old one
// both sign every head and checkpoint, so that followers of either go on, and
// the metadata name both. Receipts are signed by the new key alone. When all
// followers pin the new key, the issuer starts without the old one.

// openKeys reads the signing keys and the witnesses.
func (i *Issuer) openKeys() error {
	for n, skey := range append([]string{i.cfg.Signer}, i.cfg.Retiring...) {
		signer, v, vkey, err := keys(skey, i.cfg.Name)
		switch {
		case err != nil:
			return err
		case n == 0:
			i.signer, i.vkey = signer, vkey
		case vkey == i.vkey || slices.Contains(i.retiring, vkey):
			return fmt.Errorf("%w: Retiring names a key twice", errConfig)
		default:
			i.retiring = append(i.retiring, vkey)
		}
		i.signers, i.keys = append(i.signers, signer), append(i.keys, v)
	}
	return i.openWitnesses()
}

// vkeys lists all keys that sign now, the newest first; nil if there is one.
func (i *Issuer) vkeys() []string {
	if len(i.retiring) == 0 {
		return nil
	}
	return append([]string{i.vkey}, i.retiring...)
}

// openCheckpoint opens a checkpoint that one of our keys has signed.
func (i *Issuer) openCheckpoint(signed []byte) (c setlog.Checkpoint, err error) {
	for _, v := range i.keys {
		if c, err = setlog.OpenCheckpoint(signed, v); !errors.Is(err, setlog.ErrSignature) {
			return c, err
		}
	}
	return c, err
}

// Keys gives the verifiers of all keys that sign now, the newest first.
func (i *Issuer) Keys() []note.Verifier { return slices.Clone(i.keys) }
