package issuer

import (
	"context"
	"errors"
	"iter"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
)

// Refusals of a Matcher.
var (
	// ErrUnreadable: the shares of an envelope do not open, or hold no template.
	ErrUnreadable = errors.New("issuer: template cannot be read")
	// ErrQuality: the template itself is below the matcher's gates, whatever the
	// device said about it.
	ErrQuality = errors.New("issuer: template quality too low")
)

// Probe is one capture made ready for comparison.
type Probe interface {
	// Keep gives the bytes from which Restore rebuilds the template. The issuer
	// seals them. nil: the matcher keeps its templates itself.
	Keep() []byte
	// Wipe forgets what the probe holds. The template stays in the matcher if
	// it was added.
	Wipe()
}

// Matcher decides whether a person is known. Prepare may be slow and runs
// beside others; Match, Add and Remove are called one at a time, inside the
// transaction that writes an intake.
type Matcher interface {
	// Name is stated in the public metadata: "plain" is one process that reads
	// every template.
	Name() string
	// Note says in plain words what the name means for the people enrolled.
	Note() string
	// Prepare opens and checks the shares of a verified envelope.
	Prepare(ctx context.Context, e *capture.Envelope) (Probe, error)
	// Match tells whether the probe is a person whose template was added.
	Match(p Probe) (bool, error)
	// Add makes the probe's person known under a serial.
	Add(s Serial, p Probe) error
	// Remove takes a template out again.
	Remove(s Serial)
	// Restore adds what Keep gave, at the issuer's start. It may be called beside
	// other calls of Restore, and keeps nothing of kept, which is wiped.
	Restore(s Serial, modality capture.Modality, kept []byte) error
	// Reset forgets everybody, before the issuer restores from its store.
	Reset()
}

// Finder is a Matcher that can also tell whose template a probe is: recoveries
// need it. Find is called like Match.
type Finder interface {
	Find(p Probe) (s Serial, known bool, err error)
}

// Locator is a Finder that has to ask other machines. Locate does that, and may
// block, also until it is decided what becomes of another probe; Find then gives
// what it learned, at once. It is called beside everything else, before the
// transaction that needs the answer: for recoveries, and while somebody is leaving.
type Locator interface {
	Finder
	Locate(ctx context.Context, p Probe) error
}

// Packer is a Matcher that gives and takes many templates at once, bit for bit as
// they stand in its memory. With it a large gallery can be kept in a cache (see
// Config.GalleryCache) and opened as fast as it is decrypted.
type Packer interface {
	// Layout names the bytes, to the bit: other bytes have another name. Their
	// templates are all of the iris.
	Layout() string
	// PackedSize is how many of them a person takes.
	PackedSize() int
	// Packed gives those known at the moment of the call, in pieces of serials and
	// as many times PackedSize bytes. It is called like Match; the walk is not. A
	// piece is not to be written to and not to be kept. Templates of other
	// modalities are not in it.
	Packed() iter.Seq2[[]Serial, []byte]
	// Unpack makes a piece known, for which fill writes the bytes of Packed. It may
	// be called beside Restore and itself. After an error of fill, which it returns,
	// nobody of the piece is known.
	Unpack(serials []Serial, fill func(into []byte) error) error
}

// Destroyer is a Matcher whose parties hold templates themselves. Destroy has
// every party destroy its share for ever and gives their signed receipts, which
// go into the tombstone. It may block, and is called beside everything else. It is
// called again, also after a restart, until it has the receipts of all: a serial
// for which it was called once is known no more, and in some places gone.
type Destroyer interface {
	Destroy(ctx context.Context, s Serial) (receipts [][]byte, err error)
}

// Keyed is a Matcher whose parties have public keys that captures are sealed to.
// The issuer publishes them, in party order, in its metadata, and so in its log:
// a key put in another's place is on public record.
type Keyed interface {
	Keys() []api.PartyKey
}

// Settler is a Matcher that has to know what the store knows: Opened is called
// when everybody on record has been restored, Settled with those added since, once
// they are on record. Neither is called while a commit is in doubt.
type Settler interface {
	Opened()
	Settled(added []Serial)
}

// Stopper is a Matcher that may find that it computes wrong. From then on Prepare
// fails, until somebody has looked: Stopped gives the reason, nil if there is none.
type Stopper interface {
	Stopped() error
}

// MatcherStopped gives the reason for which the matcher compares nobody any more
// (Stopper), nil if there is none.
func (i *Issuer) MatcherStopped() error {
	if m, ok := i.cfg.Matcher.(Stopper); ok {
		return m.Stopped()
	}
	return nil
}
