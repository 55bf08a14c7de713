package issuer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// ErrCosignature: a line that is not the named witness's signature over the
// checkpoint.
var ErrCosignature = errors.New("issuer: not a cosignature of this checkpoint by that witness")

// ErrOldBackup: others have seen a history of this set that the database does
// not hold. Signing on would fork the log.
var ErrOldBackup = errors.New("issuer: the database is older than what was published from it")

// Stop makes this process sign nothing any more: heads, checkpoints and
// intakes are refused from now on. It is for who has seen that signing on would
// do harm; nothing undoes it but a new start.
func (i *Issuer) Stop(why error) {
	if i.fenced.CompareAndSwap(false, true) {
		i.cfg.Logf("issuer: %v; this process signs nothing any more", why)
	}
}

// guard asks Config.Guard before anything is signed. A set without a checkpoint
// is the empty tree: a database that was lost is one too.
func (i *Issuer) guard(ctx context.Context) error {
	if i.cfg.Guard == nil {
		return nil
	}
	if s := i.shown.Load(); s != nil {
		return i.cfg.Guard(ctx, s.root.Checkpoint)
	}
	empty, err := setlog.Checkpoint{Origin: i.cfg.Name, Hash: sha256.Sum256(nil)}.Sign(i.signers...)
	if err != nil {
		return err
	}
	return i.cfg.Guard(ctx, empty)
}

// CosignKeeper is what a Store may be besides: it keeps a published checkpoint
// with the cosignatures that came in later, in place of the bare one. Without
// it they are asked for again after a restart.
type CosignKeeper interface {
	// Cosign replaces the checkpoint at seq by the same one with more signatures.
	// It answers ErrNotFound if there is no such root.
	Cosign(ctx context.Context, seq uint64, checkpoint []byte) error
}

// cosigned is a checkpoint that enough witnesses have signed.
type cosigned struct {
	checkpoint []byte
	size       int64
}

// WitnessState says how far witnesses have followed the newest checkpoint.
type WitnessState struct {
	Quorum    int
	Signed    []string // verifier keys of those who have cosigned it, in the order of Config.Witnesses
	Waiting   []string // and of those who have not
	Size      int64    // of the log under the newest checkpoint
	Witnessed int64    // of the log under the newest checkpoint that the quorum has cosigned; 0 if none
}

// Met says whether the newest checkpoint has its quorum.
func (w WitnessState) Met() bool { return w.Quorum > 0 && len(w.Signed) >= w.Quorum }

// openWitnesses reads Config.Witnesses.
func (i *Issuer) openWitnesses() (err error) {
	if len(i.cfg.Witnesses) == 0 {
		if i.cfg.Quorum != 0 {
			return fmt.Errorf("%w: a quorum of no witnesses", errConfig)
		}
		return nil
	}
	if i.policy, err = setlog.NewWitnesses(i.cfg.Quorum, i.cfg.Witnesses); err != nil {
		return err
	}
	for _, vkey := range append(i.retiring, i.vkey) {
		own, err := setlog.PublicKey(vkey)
		if err != nil {
			return err
		}
		for _, w := range i.cfg.Witnesses {
			if public, err := setlog.PublicKey(w); err == nil && bytes.Equal(public, own) {
				return fmt.Errorf("%w: the issuer is no witness of itself", errConfig)
			}
		}
	}
	return nil
}

// bears says whether a checkpoint has the signature of one witness.
func bears(checkpoint []byte, vkey string) bool {
	one, err := setlog.NewWitnesses(1, []string{vkey})
	return err == nil && one.Check(checkpoint) == nil
}

// Witnesses says how the newest checkpoint stands.
func (i *Issuer) Witnesses() WitnessState {
	w := WitnessState{Quorum: i.cfg.Quorum}
	if c := i.witnessed.Load(); c != nil {
		w.Witnessed = c.size
	}
	s := i.shown.Load()
	if s == nil {
		return w
	}
	w.Size = s.root.LogSize
	for _, vkey := range i.cfg.Witnesses {
		if bears(s.root.Checkpoint, vkey) {
			w.Signed = append(w.Signed, vkey)
		} else {
			w.Waiting = append(w.Waiting, vkey)
		}
	}
	return w
}

// Growth gives the newest checkpoint and the proof that it extends the log's
// first old entries: what a witness is sent. old is at most the log's size.
func (i *Issuer) Growth(ctx context.Context, old int64) (proof tlog.TreeProof, checkpoint []byte, size int64, err error) {
	s := i.shown.Load()
	if s == nil {
		return nil, nil, 0, api.Errorf(api.NotFound, "nothing has been published yet")
	}
	size = s.root.LogSize
	if old > 0 && old < size {
		if proof, err = tlog.ProveTree(size, old, i.hashes(ctx)); err != nil {
			return nil, nil, size, coded(err)
		}
	}
	return proof, s.root.Checkpoint, size, nil
}

// Cosign publishes a witness's signature under the checkpoint of that log size,
// out of the lines that the witness answered. Lines for a checkpoint that is no
// longer the newest are dropped without an error: the witness will be asked
// about the newer one. ErrCosignature: there is no good signature among them.
func (i *Issuer) Cosign(vkey string, size int64, lines []byte) error {
	if !slices.Contains(i.cfg.Witnesses, vkey) {
		return fmt.Errorf("%w: it is not one of ours", ErrCosignature)
	}
	for {
		s := i.shown.Load()
		if s == nil || s.root.LogSize != size || bears(s.root.Checkpoint, vkey) {
			return nil
		}
		fresh := *s
		if fresh.root.Checkpoint = with(s.root.Checkpoint, vkey, lines); fresh.root.Checkpoint == nil {
			return ErrCosignature
		}
		if c, err := i.openCheckpoint(fresh.root.Checkpoint); err != nil || c.Size != size {
			return ErrCosignature
		}
		fresh.proof.Checkpoint = fresh.root.Checkpoint
		if err := i.sign(&fresh, max(i.now(), s.issued*1000)); err != nil {
			return err
		}
		if i.shown.CompareAndSwap(s, &fresh) {
			i.notice(fresh.root)
			return nil
		}
	}
}

// with adds the one line to a checkpoint that is the witness's signature; nil if
// there is none. What else a witness says is never passed on.
func with(checkpoint []byte, vkey string, lines []byte) []byte {
	for line := range bytes.Lines(lines) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		if longer := append(bytes.Clone(checkpoint), line...); bears(longer, vkey) {
			return longer
		}
	}
	return nil
}

// KeepCosignatures stores what Cosign has published, so that a restart shows it
// at once. It does nothing over a Store that is no CosignKeeper.
func (i *Issuer) KeepCosignatures(ctx context.Context) error {
	keeper, ok := i.cfg.Store.(CosignKeeper)
	s := i.shown.Load()
	if !ok || s == nil || i.fenced.Load() {
		return nil
	}
	return keeper.Cosign(ctx, s.root.Seq, s.root.Checkpoint)
}

// notice remembers the newest checkpoint that the quorum has cosigned.
func (i *Issuer) notice(roots ...Root) {
	if i.policy == nil {
		return
	}
	for _, r := range slices.Backward(roots) {
		if i.policy.Check(r.Checkpoint) != nil {
			continue
		}
		for {
			have := i.witnessed.Load()
			if have != nil && have.size >= r.LogSize || i.witnessed.CompareAndSwap(have, &cosigned{r.Checkpoint, r.LogSize}) {
				return
			}
		}
	}
}
