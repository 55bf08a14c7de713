package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet/backup"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// receiptFile is what a wallet saves, in the page and by this command.
type receiptFile struct {
	Perhuman string           `json:"perhuman"` // receiptFileKind
	Version  int              `json:"version"`
	Receipts []backup.Receipt `json:"receipts"`
}

const receiptFileKind = "receipts"

// receiptVerify checks every receipt of a file with the issuer's key and no
// network: the signature, and the proof of the log's entry if there is one.
func receiptVerify(_ context.Context, args []string, e env) error {
	f := flags("receipt verify", "-issuer VKEY [-commitment N] FILE", e)
	vkey := f.String("issuer", "", "the issuer's verifier key, name+hash+key; what the file says of it is not believed")
	commitment := f.String("commitment", "", "the identity that all of them must be about; without it, any")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	if *vkey == "" {
		f.Usage()
		return hint(f)
	}
	raw, err := readFile(f.Arg(0))
	if err != nil {
		return err
	}
	var file receiptFile
	if err := json.Unmarshal(raw, &file); err != nil || file.Perhuman != receiptFileKind || file.Version != 1 {
		return fmt.Errorf("%s is not a file of receipts", f.Arg(0))
	}
	var about semaphore.Element
	if *commitment != "" {
		if about, err = semaphore.ParseElement(*commitment); err != nil {
			return fmt.Errorf("-commitment is a decimal number")
		}
	}
	if len(file.Receipts) == 0 {
		return fmt.Errorf("%w: the file holds no receipt", errClaim)
	}
	var bad error
	for i, r := range file.Receipts {
		line, err := receiptLine(r, *vkey, about)
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("%w: receipt %d (%s): %w", errClaim, i+1, r.Kind, err))
			continue
		}
		fmt.Fprintln(e.out, line)
	}
	return bad
}

// receiptKinds are what the kinds of a wallet's list are signed as.
func receiptKinds() map[string]receipt.Kind {
	return map[string]receipt.Kind{
		"enrolment": receipt.Intake, "recovery": receipt.Intake, "veto": receipt.Veto, "deletion": receipt.Deletion, "tombstone": receipt.Tombstone,
	}
}

// receiptLine checks one receipt and says what it shows. about: zero for any.
func receiptLine(kept backup.Receipt, vkey string, about semaphore.Element) (string, error) {
	v, err := setlog.ParseVKey(vkey)
	if err != nil {
		return "", err
	}
	signed, err := scope.DecodeToken(kept.Receipt)
	if err != nil {
		return "", err
	}
	r, err := receipt.Verify(signed, v)
	switch {
	case err != nil:
		return "", err
	case r.Kind != receiptKinds()[kept.Kind]:
		return "", fmt.Errorf("signed as %s", r.Kind)
	case !about.IsZero() && r.Commitment != about:
		return "", errors.New("it is about another identity")
	}
	line := fmt.Sprintf("%-9s  signed by %s, %s, about %s", kept.Kind, r.Issuer, day(r.At), r.Commitment)
	switch r.Kind {
	case receipt.Veto:
		line += fmt.Sprintf("; ends the recovery announced in entry %d", r.Announcement)
	case receipt.Deletion:
		line += fmt.Sprintf("; template kept until %s", day(r.Until))
	case receipt.Tombstone:
		line += fmt.Sprintf("; template destroyed, %d parties' receipts within", len(r.Parties))
	}
	if kept.Proof == "" {
		return line + "; no entry of the log with it", nil
	}
	p, err := setlog.ParseRootProof([]byte(kept.Proof))
	if err != nil {
		return "", err
	}
	entry, err := r.InLog(p, v)
	if err != nil {
		return "", err
	}
	if kept.Kind == "enrolment" && entry.Op != setlog.OpEnrol || kept.Kind == "recovery" && entry.Op != setlog.OpRekeyIn {
		return "", fmt.Errorf("the log's entry is %q", entry.Op)
	}
	return line + fmt.Sprintf("; entry %d of the log, %s", p.Index, entry.Op), nil
}

func day(unix uint64) string { return time.Unix(int64(unix), 0).UTC().Format(time.RFC3339) }
