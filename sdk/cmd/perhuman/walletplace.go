package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/backup"
	"github.com/perhuman/perhuman/sdk/wallet/httpsource"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// place is what a wallet knows of this person's place in one issuer's set: what
// the log says, and what the issuer answered last.
type place struct {
	Events []placeEvent `json:"events"`
	From   int64        `json:"from"` // the stretch of the log that was read
	Next   int64        `json:"next"`

	Recovery *api.Recovery `json:"recovery,omitempty"` // asked for by this wallet
	Taking   *api.Recovery `json:"taking,omitempty"`   // somebody takes this place over
	Deletion *api.Deletion `json:"deletion,omitempty"`
}

type placeEvent struct {
	Op     string `json:"op"`
	Record int64  `json:"record"`
	Day    uint32 `json:"day"`
}

// announced gives the announcement of a recovery of this place that the log
// does not show the end of.
func (p *place) announced() (uint64, bool) {
	for _, e := range slices.Backward(p.Events) {
		switch e.Op {
		case setlog.OpRekeyOut.String(), setlog.OpRemove.String():
			return 0, false
		case setlog.OpRekeyAnnounced.String():
			return uint64(e.Record), true
		}
	}
	return 0, false
}

// last gives the newest event of some operations.
func (p *place) last(ops ...setlog.Op) (placeEvent, bool) {
	for _, e := range slices.Backward(p.Events) {
		for _, op := range ops {
			if e.Op == op.String() {
				return e, true
			}
		}
	}
	return placeEvent{}, false
}

func recoveryOpen(r *api.Recovery) bool {
	return r != nil && slices.Contains([]string{api.RecoveryWaiting, api.RecoveryAnnounced, api.RecoveryOut}, r.Status)
}

// counter is one issuer that this wallet follows, with what is known there.
type counter struct {
	issuer purseIssuer
	client *httpsource.Client
	follow *wallet.Wallet
	place  place
	path   string
}

// counter opens what is known of an issuer, by its name or verifier key; empty
// means the only one.
func (w *purse) counter(which string) (*counter, error) {
	var found []purseIssuer
	for _, i := range w.file.Issuers {
		if which == "" || which == i.VKey || which == issuerName(i.VKey) {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("-issuer names %d of the %d issuers that this wallet follows", len(found), len(w.file.Issuers))
	}
	return w.counterOf(found[0])
}

func (w *purse) counterOf(i purseIssuer) (*counter, error) {
	c := &counter{issuer: i}
	var err error
	if c.client, err = httpsource.New(i.VKey, i.At, nil); err != nil {
		return nil, err
	}
	if c.follow, err = w.follow(i, nil, nil); err != nil {
		return nil, err
	}
	c.path = w.placePath(i.VKey)
	for _, path := range append([]string{c.path}, w.places(issuerName(i.VKey))...) {
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(raw, &c.place)
		}
		return c, err
	}
	return c, nil
}

func (w *purse) placePath(vkey string) string {
	sum := sha256.Sum256([]byte(vkey))
	return filepath.Join(w.dir, "place-"+hex.EncodeToString(sum[:8]))
}

// places gives the files with what is known of the place at an issuer, under the
// key of now and those that signed receipts before, newest first; they need not
// be there.
func (w *purse) places(name string) (out []string) {
	keys := make([]string, 0, len(w.file.Issuers)+len(w.vault.Receipts))
	for _, i := range w.file.Issuers {
		keys = append(keys, i.VKey)
	}
	for _, r := range slices.Backward(w.vault.Receipts) {
		keys = append(keys, r.Issuer)
	}
	for _, vkey := range keys {
		if path := w.placePath(vkey); issuerName(vkey) == name && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out
}

func (c *counter) save() error {
	raw, err := json.Marshal(c.place)
	if err != nil {
		return err
	}
	return replaceFile(c.path, append(raw, '\n'))
}

// look reads the log on, and asks the issuer about what is under way.
func (w *purse) look(ctx context.Context, c *counter) (wallet.Status, error) {
	st, err := c.follow.Sync(ctx)
	if err != nil {
		return st, err
	}
	found, err := c.follow.Events(ctx, c.place.Next)
	if err != nil {
		return st, err
	}
	if c.place.Next == 0 {
		c.place.From = found.From
	}
	for _, e := range found.List {
		c.place.Events = append(c.place.Events, placeEvent{e.Op.String(), e.Record, e.Day})
	}
	c.place.Next = found.Next
	if err := errors.Join(c.save(), w.ask(ctx, c)); err != nil {
		return st, err
	}
	return st, c.save()
}

// ask brings the issuer's answers up to date: about the enrolment until its
// entry is kept, and about what goes on.
func (w *purse) ask(ctx context.Context, c *counter) error {
	for _, r := range slices.Clone(w.vault.Receipts) {
		if issuerName(r.Issuer) != issuerName(c.issuer.VKey) {
			continue
		}
		var err error
		switch {
		case r.Kind == kindEnrolment && r.Proof == "":
			var e api.Enrolment
			if e, err = c.client.Status(ctx, r.ID); err == nil && e.RootProof != "" {
				r.Proof = e.RootProof
				err = w.keep(r)
			}
		case r.Kind == kindRecovery && (c.place.Recovery == nil || recoveryOpen(c.place.Recovery)):
			var now api.Recovery
			if now, err = c.client.Recovery(ctx, r.ID); err == nil {
				err = w.keepRecovery(c, now)
			}
		case r.Kind == kindDeletion && (c.place.Deletion == nil || c.place.Deletion.DestroyedAt == 0):
			var now api.Deletion
			if now, err = c.client.Deletion(ctx, r.ID); err == nil {
				err = w.keepDeletion(c, now)
			}
		}
		if err != nil {
			return err
		}
	}
	n, ok := c.place.announced()
	if known := c.place.Taking; !ok || known != nil && known.Announcement != nil && *known.Announcement == n && !recoveryOpen(known) {
		return nil
	}
	r, err := c.client.Recovery(ctx, strconv.FormatUint(n, 10))
	var refused *api.Error
	if errors.As(err, &refused) && (refused.Code == api.NotFound || refused.Code == api.RecoveryOver) {
		r, err = api.Recovery{Status: api.RecoveryEnded, Announcement: &n}, nil
	}
	if err == nil {
		c.place.Taking = &r
	}
	return err
}

// Kinds of receipts that a wallet keeps.
const (
	kindEnrolment = "enrolment"
	kindRecovery  = "recovery"
	kindVeto      = "veto"
	kindDeletion  = "deletion"
	kindTombstone = "tombstone"
)

// keep writes a receipt into the vault, under the passphrase. What is kept
// already gets the proof that came later.
func (w *purse) keep(r backup.Receipt) error {
	c := w.vault
	c.Receipts = slices.Clone(c.Receipts)
	i := slices.IndexFunc(c.Receipts, func(have backup.Receipt) bool { return have.Receipt == r.Receipt })
	switch {
	case i < 0:
		c.Receipts = append(c.Receipts, r)
	case r.Proof == "" || c.Receipts[i].Proof == r.Proof:
		return nil
	default:
		c.Receipts[i].Proof = r.Proof
	}
	return w.reseal(c)
}

func (w *purse) keepRecovery(c *counter, r api.Recovery) error {
	kept := backup.Receipt{Issuer: c.issuer.VKey, Kind: kindRecovery, ID: r.ID, At: time.Now().Unix(), Receipt: r.Receipt, Proof: r.RootProof}
	r.Receipt, r.RootProof = "", ""
	c.place.Recovery = &r
	return errors.Join(w.keep(kept), c.save())
}

func (w *purse) keepDeletion(c *counter, d api.Deletion) error {
	kept := backup.Receipt{Issuer: c.issuer.VKey, Kind: kindDeletion, ID: d.ID, At: time.Now().Unix(), Receipt: d.Receipt, Proof: d.RootProof}
	err := w.keep(kept)
	if d.Tombstone != "" && err == nil {
		kept.Kind, kept.Receipt, kept.At = kindTombstone, d.Tombstone, int64(d.DestroyedAt)
		err = w.keep(kept)
	}
	d.Receipt, d.RootProof, d.Tombstone = "", "", ""
	c.place.Deletion = &d
	return errors.Join(err, c.save())
}
