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

func token(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// Text is what is signed.
func (r Receipt) Text() string {
	lines := []string{"perhuman/" + string(r.Kind) + "/1 " + r.Issuer}
	if r.Kind == Veto {
		lines = append(lines, decimal(r.Announcement), r.Commitment.String(), decimal(r.At))
		return strings.Join(append(lines, ""), "\n")
	}
	lines = append(lines, token(r.ID[:]), token(r.Session[:]), r.Commitment.String())
	switch r.Kind {
	case Intake:
		lines = append(lines, token(r.Biometric[:]), token(r.BodyHash[:]), decimal(uint64(r.Day)), decimal(r.At))
	case Deletion:
		lines = append(lines, decimal(r.At), decimal(r.Until))
	case Tombstone:
		lines = append(lines, decimal(r.At), decimal(uint64(len(r.Parties))))
		for _, p := range r.Parties {
			lines = append(lines, token(p))
		}
	}
	return strings.Join(append(lines, ""), "\n")
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

// fields reads line after line; the first that does not fit makes it bad.
type fields struct {
	lines []string
	bad   bool
}

func (f *fields) next() string {
	if len(f.lines) == 0 {
		f.bad = true
		return ""
	}
	line := f.lines[0]
	f.lines = f.lines[1:]
	return line
}

func (f *fields) bytes(to []byte) {
	b, err := scope.DecodeToken(f.next())
	if err != nil || len(b) != len(to) {
		f.bad = true
		return
	}
	copy(to, b)
}

func (f *fields) number(bits int) uint64 {
	n, err := strconv.ParseUint(f.next(), 10, bits)
	f.bad = f.bad || err != nil
	return n
}

func (f *fields) element() semaphore.Element {
	e, err := semaphore.ParseElement(f.next())
	f.bad = f.bad || err != nil
	return e
}

func parse(text string) (Receipt, error) {
	f := &fields{lines: strings.Split(text, "\n")}
	what, name, _ := strings.Cut(f.next(), " ")
	kind := strings.TrimSuffix(strings.TrimPrefix(what, "perhuman/"), "/1")
	r := Receipt{Kind: Kind(kind), Issuer: name}
	if r.Kind == Veto {
		r.Announcement, r.Commitment, r.At = f.number(64), f.element(), f.number(64)
	} else {
		f.bytes(r.ID[:])
		f.bytes(r.Session[:])
		r.Commitment = f.element()
	}
	switch r.Kind {
	case Veto:
	case Intake:
		f.bytes(r.Biometric[:])
		f.bytes(r.BodyHash[:])
		r.Day, r.At = uint32(f.number(32)), f.number(64)
	case Deletion:
		r.At, r.Until = f.number(64), f.number(64)
	case Tombstone:
		r.At = f.number(64)
		n := f.number(8)
		f.bad = f.bad || n > parties
		for range n {
			b, err := scope.DecodeToken(f.next())
			if f.bad = f.bad || err != nil; f.bad {
				break
			}
			r.Parties = append(r.Parties, b)
		}
	default:
		f.bad = true
	}
	if f.bad || r.Text() != text {
		return Receipt{}, fmt.Errorf("%w: form", ErrReceipt)
	}
	return r, nil
}
