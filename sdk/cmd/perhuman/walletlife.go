package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/backup"
	"github.com/perhuman/perhuman/sdk/wallet/httpsource"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// walletEnrol and walletRecover take two calls each: the first starts a session
// and prints what a capture device must bind the capture to, the second hands
// the envelope in.
func walletEnrol(ctx context.Context, args []string, e env) error {
	return walletCapture(ctx, "enrol", wallet.ToEnrol, args, e)
}

func walletRecover(ctx context.Context, args []string, e env) error {
	return walletCapture(ctx, "recover", wallet.ToRecover, args, e)
}

func walletCapture(ctx context.Context, name string, purpose wallet.Purpose, args []string, e env) error {
	f := walletFlagSet(name, "[-issuer NAME] [-session TOKEN -envelope FILE]", e)
	which := f.String("issuer", "", "name or verifier key of the issuer, if the wallet follows several")
	session := f.String("session", "", "the nonce that the first call has printed")
	envelope := f.String("envelope", "", "file with the capture envelope, as the device gave it")
	if err := f.parse(args); err != nil {
		return err
	}
	if (*session == "") != (*envelope == "") {
		f.Usage()
		return hint(f.FlagSet)
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	c, err := w.counter(*which)
	if err != nil {
		return err
	}
	if *session == "" {
		return beginCapture(ctx, w, c, purpose, e)
	}
	nonce, err := token32("-session", *session)
	if err != nil {
		return err
	}
	body, err := binary(*envelope)
	if err != nil {
		return err
	}
	p, err := purpose.Possess(w.id, w.key, c.follow.Issuer(), nonce)
	if err != nil {
		return err
	}
	request := httpsource.Request(*session, body, p)
	if purpose == wallet.ToRecover {
		r, err := c.client.Recover(ctx, request)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "announced in entry %s of the log; whoever holds the old secret can stop it until %s; in force about %s\n", entryNumber(r.Announcement), day(r.VetoUntil), day(r.EffectiveAt))
		return w.keepRecovery(c, r)
	}
	done, err := c.client.Enrol(ctx, request)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s %s: in the set with the next anchor\n", done.Status, done.ID)
	return w.keep(backup.Receipt{Issuer: c.issuer.VKey, Kind: kindEnrolment, ID: done.ID, At: time.Now().Unix(), Receipt: done.Receipt})
}

func beginCapture(ctx context.Context, w *purse, c *counter, purpose wallet.Purpose, e env) error {
	info, err := c.client.Info(ctx)
	if err != nil {
		return err
	}
	if purpose == wallet.ToRecover {
		if info.RekeyPeriod == 0 {
			return api.Errorf(api.NotFound, "this issuer offers no recoveries")
		}
		fmt.Fprintf(e.err, `A backup brings a person back at once and loses nothing; look for one first. A recovery:
  is announced in the issuer's public log, and whoever holds the old secret can stop it for %s;
  then ends the old secret, and lets this wallet in after the next boundary of %s;
  makes a new person of you to every site, and gives nobody a second turn within such a period.
`, seconds(info.Cooldown), seconds(info.RekeyPeriod))
	}
	s, err := c.client.Session(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(e.out).Encode(map[string]any{
		"matcher_keys": info.MatcherKeys,
		"issuer":       s.Issuer, "nonce": s.Session.Nonce, "commitment": w.id.Commitment().String(), "expires_at": s.ExpiresAt, "captures": s.Captures,
	})
}

func entryNumber(n *uint64) string {
	if n == nil {
		return "(not yet)"
	}
	return strconv.FormatUint(*n, 10)
}

func seconds(n uint64) time.Duration { return time.Duration(n) * time.Second }

// walletVeto stops a recovery of this wallet's place.
func walletVeto(ctx context.Context, args []string, e env) error {
	f := walletFlagSet("veto", "[-issuer NAME] [-yes]", e)
	which := f.String("issuer", "", "name or verifier key of the issuer, if the wallet follows several")
	yes := f.Bool("yes", false, "stop it; without this, say what the log has announced")
	if err := f.parse(args); err != nil {
		return err
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	c, err := w.counter(*which)
	if err != nil {
		return err
	}
	if _, err := w.look(ctx, c); err != nil {
		return err
	}
	n, ok := c.place.announced()
	if !ok || !recoveryOpen(c.place.Taking) {
		return fmt.Errorf("%w: the log announces no recovery of this place that goes on", errClaim)
	}
	if !*yes {
		fmt.Fprintf(e.out, "entry %d of the log announces a recovery of this place; it can be stopped until %s. With -yes it is.\n", n, day(c.place.Taking.VetoUntil))
		return nil
	}
	r, err := c.client.Veto(ctx, w.id, n)
	if err != nil {
		return err
	}
	kept := backup.Receipt{Issuer: c.issuer.VKey, Kind: kindVeto, ID: strconv.FormatUint(n, 10), At: time.Now().Unix(), Receipt: r.Receipt}
	r.Receipt = ""
	c.place.Taking = &r
	fmt.Fprintf(e.out, "stopped; the place stays with this secret\n")
	return errors.Join(w.keep(kept), c.save())
}

// walletDelete leaves an issuer's set.
func walletDelete(ctx context.Context, args []string, e env) error {
	f := walletFlagSet("delete", "[-issuer NAME] [-yes]", e)
	which := f.String("issuer", "", "name or verifier key of the issuer, if the wallet follows several")
	yes := f.Bool("yes", false, "do it; without this, say what it does")
	if err := f.parse(args); err != nil {
		return err
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	c, err := w.counter(*which)
	if err != nil {
		return err
	}
	if !*yes {
		info, err := c.client.Info(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, `Leaving the set of %s:
  The place in the set is emptied at once, and no site accepts this wallet's proofs under this issuer from then on.
  The log is public and only grows: that a leaf was there and went today stays readable. It holds no name and no picture.
  The template is kept for another %s, only to refuse you if you come back earlier; then it is destroyed, and the issuer signs that.
  What was done on sites stays there. A vote over a frozen set that holds the leaf remains open to this secret.
  Nobody can take it back. With -yes it is done.
`, c.follow.Issuer(), seconds(info.ReentryDelay))
		return nil
	}
	d, err := c.client.Delete(ctx, w.id)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s; a new enrolment is possible from %s\n", d.Status, day(d.ReentryAt))
	return w.keepDeletion(c, d)
}

// walletReceipts lists the receipts, each checked, or writes them into a file
// for receipt verify.
func walletReceipts(_ context.Context, args []string, e env) error {
	f := walletFlagSet("receipts", "[-out FILE]", e)
	out := f.String("out", "", "write all of them here, for perhuman receipt verify; it must not exist")
	if err := f.parse(args); err != nil {
		return err
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	if *out != "" {
		raw, err := json.MarshalIndent(receiptFile{receiptFileKind, 1, w.vault.Receipts}, "", " ")
		if err != nil {
			return err
		}
		return writeSecret(*out, string(raw))
	}
	var bad error
	for _, r := range w.vault.Receipts {
		line, err := receiptLine(r, r.Issuer, w.id.Commitment())
		if err != nil {
			bad = fmt.Errorf("%w: a kept receipt (%s): %w", errClaim, r.Kind, err)
			continue
		}
		fmt.Fprintln(e.out, line)
	}
	return bad
}

// say prints how a place stands, one line each.
func (p *place) say(out io.Writer, member bool) {
	if e, ok := p.last(setlog.OpEnrol, setlog.OpRekeyIn); ok {
		fmt.Fprintf(out, "  in the set since %s, entry %d (%s)\n", dayNumber(e.Day), e.Record, e.Op)
	}
	if n, ok := p.announced(); ok && member {
		switch {
		case recoveryOpen(p.Taking):
			fmt.Fprintf(out, "  ATTENTION: entry %d announces that somebody takes this place over; until %s this wallet can stop it: perhuman wallet veto\n", n, day(p.Taking.VetoUntil))
		case p.Taking != nil && p.Taking.Code == api.RecoveryVetoed:
			fmt.Fprintf(out, "  a recovery announced in entry %d was vetoed\n", n)
		}
	}
	if r := p.Recovery; r != nil {
		words := []string{"  recovery " + r.Status}
		if r.Code != "" {
			words = append(words, string(r.Code))
		}
		if recoveryOpen(r) {
			words = append(words, "can be stopped until "+day(r.VetoUntil), "in force about "+day(r.EffectiveAt))
		}
		fmt.Fprintln(out, strings.Join(words, ", "))
	}
	if e, ok := p.last(setlog.OpRekeyOut, setlog.OpRemove); ok {
		fmt.Fprintf(out, "  leaf zero since %s, entry %d (%s)\n", dayNumber(e.Day), e.Record, e.Op)
	}
	if d := p.Deletion; d != nil {
		if d.DestroyedAt != 0 {
			fmt.Fprintf(out, "  template destroyed %s; a new enrolment is possible\n", day(d.DestroyedAt))
		} else {
			fmt.Fprintf(out, "  deletion %s; template kept until %s\n", d.Status, day(d.ReentryAt))
		}
	}
}

func dayNumber(d uint32) string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }
