// Package receipt is what an issuer signs for a person: that it took an
// enrolment or a recovery in, that a recovery was vetoed, that a deletion was
// asked for, and that the template is destroyed. A wallet keeps receipts; with
// the issuer's key and no network, anybody checks them:
//
//	r, err := receipt.Verify(signed, verifier)
//	err = r.InLog(rootProof, verifier) // and what the log says of it
//
// A receipt is a signed note (C2SP signed-note) whose text has exactly the lines
// below; bytes are base64url without padding, numbers canonical decimal, times
// unix seconds. There is one encoding of each, so a receipt can be compared and
// hashed as bytes.
//
//	perhuman/intake/1 <issuer>          perhuman/deletion/1 <issuer>
//	<id, 16 bytes>                      <id, 16 bytes>
//	<session nonce, 32 bytes>           <session nonce, 32 bytes>
//	<identity commitment>               <identity commitment>
//	<biometric commitment, 32 bytes>    <received>
//	<SHA-256 of the capture, 32 bytes>  <not destroyed before>
//	<day, days since 1970>
//	<received>
//
//	perhuman/tombstone/1 <issuer>       perhuman/veto/1 <issuer>
//	<id, 16 bytes>                      <number of the announcement in the log>
//	<session nonce, 32 bytes>           <identity commitment of the old key>
//	<identity commitment>               <answered>
//	<destroyed>
//	<number of receipts that follow>
//	<receipt of one party>, one line each
//
// An intake receipt is of an enrolment or of a recovery: the log tells which
// (InLog). The salt of the biometric commitment is in none of them.
package receipt

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Refusals.
var (
	// ErrReceipt: not a receipt in its one form, or not signed by this issuer.
	ErrReceipt = errors.New("receipt: not a valid receipt")
	// ErrLog: the entry of the log is not the one that this receipt promises.
	ErrLog = errors.New("receipt: the log's entry is about something else")
)

// Kind says what a receipt is about.
type Kind string

// The kinds.
const (
	Intake    Kind = "intake"
	Veto      Kind = "veto"
	Deletion  Kind = "deletion"
	Tombstone Kind = "tombstone"
)

// MaxSize bounds a signed receipt; parties is how many lines a tombstone may have.
const (
	MaxSize = 16 << 10
	parties = 16
)

// Receipt holds the fields of every kind; those that a kind does not have are
// zero.
type Receipt struct {
	Kind       Kind
	Issuer     string
	ID         [16]byte
	Session    [32]byte
	Commitment semaphore.Element

	Biometric, BodyHash [32]byte // intake
	Day                 uint32   // intake

	Announcement uint64   // veto: the entry of the log
	At           uint64   // received; of a tombstone destroyed, of a veto answered
	Until        uint64   // deletion: the template is not destroyed before
	Parties      [][]byte // tombstone: what each party of the matcher signed
}

// form gives what the lines after the first hold, in their order: bytes, and
// pointers to the rest. nil: no such kind.
func (r *Receipt) form() []any {
	switch r.Kind {
	case Veto:
		return []any{&r.Announcement, &r.Commitment, &r.At}
	case Intake:
		return []any{r.ID[:], r.Session[:], &r.Commitment, r.Biometric[:], r.BodyHash[:], &r.Day, &r.At}
	case Deletion:
		return []any{r.ID[:], r.Session[:], &r.Commitment, &r.At, &r.Until}
	case Tombstone:
		return []any{r.ID[:], r.Session[:], &r.Commitment, &r.At, &r.Parties}
	}
	return nil
}

// Text is what is signed.
func (r Receipt) Text() string {
	text := "perhuman/" + string(r.Kind) + "/1 " + r.Issuer + "\n"
	for _, field := range r.form() {
		text += line(field) + "\n"
	}
	return text
}

func line(field any) string {
	switch f := field.(type) {
	case []byte:
		return scope.EncodeToken(f)
	case *semaphore.Element:
		return f.String()
	case *uint32:
		return strconv.FormatUint(uint64(*f), 10)
	case *uint64:
		return strconv.FormatUint(*f, 10)
	case *[][]byte:
		n := uint64(len(*f))
		text := line(&n)
		for _, p := range *f {
			text += "\n" + line(p)
		}
		return text
	}
	return ""
}

// Sign gives the signed note; the signer bears the issuer's name.
func (r Receipt) Sign(s note.Signer) ([]byte, error) {
	if s.Name() != r.Issuer {
		return nil, fmt.Errorf("%w: signer is %q", ErrReceipt, s.Name())
	}
	signed, err := note.Sign(&note.Note{Text: r.Text()}, s)
	if err != nil {
		return nil, fmt.Errorf("receipt: sign: %w", err)
	}
	return signed, nil
}

// Parse reads a receipt without checking who signed it.
func Parse(signed []byte) (Receipt, error) {
	if len(signed) > MaxSize {
		return Receipt{}, fmt.Errorf("%w: too long", ErrReceipt)
	}
	n, err := note.Open(signed, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) || n != nil {
		return Receipt{}, fmt.Errorf("%w: not a signed note", ErrReceipt)
	}
	return parse(unverified.Note.Text)
}

// Verify reads a receipt and checks the issuer's signature. It must be the only
// signature, and the note in its one encoding.
func Verify(signed []byte, v note.Verifier) (Receipt, error) {
	if len(signed) > MaxSize {
		return Receipt{}, fmt.Errorf("%w: too long", ErrReceipt)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Receipt{}, fmt.Errorf("%w: signature", ErrReceipt)
	}
	r, err := parse(n.Text)
	if err != nil {
		return Receipt{}, err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
	want := n.Text + "\n\u2014 " + n.Sigs[0].Name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
	if err != nil || string(signed) != want || r.Issuer != v.Name() {
		return Receipt{}, fmt.Errorf("%w: form", ErrReceipt)
	}
	return r, nil
}

// InLog checks that a proof is of the log entry that this receipt promises,
// under a checkpoint that the issuer signed, and gives that entry: the new leaf
// of an intake, the removal of a deletion or tombstone, the announcement that a
// veto answered. A vetoed recovery leaves no further entry.
func (r Receipt) InLog(p setlog.RootProof, v note.Verifier) (setlog.Entry, error) {
	c, e, err := p.Verify(v)
	if err != nil {
		return setlog.Entry{}, err
	}
	good := c.Origin == r.Issuer && e.Commitment == r.Commitment
	switch r.Kind {
	case Intake:
		good = good && e.Op.Adds() && e.Biometric == r.Biometric
	case Veto:
		good = good && e.Op == setlog.OpRekeyAnnounced && p.Index >= 0 && uint64(p.Index) == r.Announcement
	default:
		good = good && e.Op == setlog.OpRemove
	}
	if !good {
		return setlog.Entry{}, ErrLog
	}
	return e, nil
}

func parse(text string) (Receipt, error) {
	first, rest, _ := strings.Cut(text, "\n")
	what, name, _ := strings.Cut(first, " ")
	r := Receipt{Kind: Kind(strings.TrimSuffix(strings.TrimPrefix(what, "perhuman/"), "/1")), Issuer: name}
	good := true
	for _, field := range r.form() {
		good = good && read(field, &rest)
	}
	if !good || r.form() == nil || r.Text() != text {
		return Receipt{}, fmt.Errorf("%w: form", ErrReceipt)
	}
	return r, nil
}

// read takes the next line, or lines, into a field. Whether they were in their
// one form is for the comparison of the whole to say.
func read(field any, rest *string) bool {
	var text string
	text, *rest, _ = strings.Cut(*rest, "\n")
	var err error
	switch f := field.(type) {
	case []byte:
		var b []byte
		b, err = scope.DecodeToken(text)
		return err == nil && len(b) == len(f) && copy(f, b) == len(f)
	case *semaphore.Element:
		*f, err = semaphore.ParseElement(text)
	case *uint32:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 32)
		*f = uint32(n)
	case *uint64:
		*f, err = strconv.ParseUint(text, 10, 64)
	case *[][]byte:
		n, err := strconv.ParseUint(text, 10, 8)
		for range n {
			var b []byte
			text, *rest, _ = strings.Cut(*rest, "\n")
			if b, err = scope.DecodeToken(text); err != nil || n > parties {
				return false
			}
			*f = append(*f, b)
		}
		return err == nil
	}
	return err == nil
}
