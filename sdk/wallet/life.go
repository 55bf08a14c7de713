package wallet

import (
	"context"
	"errors"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Purpose says what a person signs an issuer's session for (protocol.md section
// 7). What is signed for one purpose is worth nothing for another.
type Purpose string

// The purposes.
const (
	ToEnrol   Purpose = "enrol"
	ToRecover Purpose = "recover" // with a new capture, from the secret that this wallet has now
	ToLeave   Purpose = "delete"  // the leaf goes at once
)

// Possess signs an issuer's session nonce with the identity key and derives the
// salt of a capture's biometric commitment, for a caller that holds no Wallet. A
// deletion takes no capture, so its salt is zeros.
func (p Purpose) Possess(id *semaphore.Identity, key []byte, issuer string, nonce [32]byte) (Possession, error) {
	var message func([32]byte, string, semaphore.Element) semaphore.Element
	switch p {
	case ToEnrol:
		message = scope.EnrolMessage
	case ToRecover:
		message = scope.RekeyMessage
	case ToLeave:
		message = scope.DeleteMessage
	default:
		return Possession{}, refuse(RequestInvalid, "no such purpose")
	}
	out, err := signFor(id, issuer, message(nonce, issuer, id.Commitment()))
	if err != nil || p == ToLeave {
		return out, err
	}
	if out.Salt, err = scope.Salt(key, nonce); err != nil {
		return Possession{}, refuse(Internal, "salt")
	}
	return out, nil
}

// Veto signs that a recovery of this identity's membership is to end.
// Announcement is its number in the issuer's log: see Wallet.Events.
func Veto(id *semaphore.Identity, issuer string, announcement uint64) (Possession, error) {
	return signFor(id, issuer, scope.VetoMessage(announcement, issuer, id.Commitment()))
}

func signFor(id *semaphore.Identity, issuer string, message semaphore.Element) (Possession, error) {
	if err := setlog.ValidateName(issuer); err != nil {
		return Possession{}, wrap(RequestInvalid, "issuer", err)
	}
	sig, err := id.Sign(message).MarshalBinary()
	if err != nil {
		return Possession{}, refuse(Internal, "signature")
	}
	return Possession{PublicKey: id.PublicKey(), Signature: sig}, nil
}

// Event is an entry of the log about this identity.
type Event struct {
	Op        setlog.Op
	Record    int64 // number in the log
	LeafIndex uint64
	Day       uint32 // days since 1970-01-01 UTC
}

// Events is a stretch of the log, From up to Next, and what it says about this
// identity, oldest first.
type Events struct {
	List       []Event
	From, Next int64
}

// maxEvents bounds how many entries one call reads: eight megabytes or so.
const maxEvents = 1 << 16

// Events reads what the log says about this identity from an entry on: when it
// entered the set, whether somebody has announced to recover its membership
// (setlog.OpRekeyAnnounced, which Veto stops), whether its leaf has gone. Call it
// after Sync, with Next of the last time, or 0. It reads the bundles of all
// entries in between, the same for everybody, so the issuer does not learn whose
// wallet it is; of a longer stretch than 65,536 entries it reads the newest.
func (w *Wallet) Events(ctx context.Context, from int64) (Events, error) {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	w.mu.Lock()
	owner := w.owner
	w.mu.Unlock()
	if owner.IsZero() {
		return Events{}, refuse(Locked, "nobody to look for yet")
	}
	out := Events{From: max(from, w.follower.LogSize()-maxEvents, 0)}
	var err error
	out.Next, err = w.follower.Since(out.From, logTiles(ctx, w.cfg.Source), func(record int64, e setlog.Entry) error {
		if e.Commitment == owner {
			out.List = append(out.List, Event{e.Op, record, e.LeafIndex, e.Day})
		}
		return nil
	})
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, errSource):
		return Events{}, wrap(SourceUnavailable, "log", err)
	case errors.Is(err, setlog.ErrStale):
		return Events{}, wrap(NotSynced, "the log has not been read yet", err)
	}
	return Events{}, wrap(RootUnproven, "log", err)
}
