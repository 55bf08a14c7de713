package issuer

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Config is what an Issuer is made of. Name, Signer, Store, Matcher, Capture,
// Operator, Now and Rand are needed; the rest has usable zero values.
type Config struct {
	Name     string          // as in the signer key: the issuer's address without scheme
	Signer   string          // note signer key, as setlog.GenerateKey makes it; secret
	Retiring []string        // signer keys that Signer replaces: heads and checkpoints bear their signatures too
	Store    Store           // not closed by the Issuer
	Matcher  Matcher         // decides who is new
	Capture  *capture.Policy // which captures are believed
	Operator []byte          // at least 32 secret bytes, kept apart from the database

	Consents   [][32]byte      // hashes of the consent texts shown, one for each language; none: any text
	Unattended map[string]bool // device classes whose refusals must not tell that a person is known

	Depth      int           // proof depth of the deployment; 20
	Anchor     time.Duration // between anchors; 10 minutes
	MinBatch   int           // changes worth an anchor before the day ends; 1
	Window     time.Duration // for which a superseded root stays good; 1 hour
	SessionTTL time.Duration // 10 minutes, which is also the most
	ErrorRates []api.ErrorRate

	DeviceRate, OperatorRate Rate // captures compared of one device, and of one operator

	Snapshots Snapshots // of the set, for quick starts; nil: every start replays the log
	// Background lets New return as soon as set and log can be served; Run then
	// opens the gallery, and enrolment answers matcher_unavailable until it is in.
	Background bool
	GalleryKey KeySource // what templates are sealed under; nil: a key from Operator
	// GalleryCache is a file in which Run keeps what a matcher that is a Packer has
	// in memory, sealed, for quick openings of large galleries; of mode 0600, and as
	// large as they are. Its key is in the Store, which forgets it when somebody is
	// destroyed. Empty: every opening reads the rows.
	GalleryCache string
	Life         Life // how people come to new secrets and leave

	Witnesses []string // verifier keys of the witnesses whose cosignatures are published
	Quorum    int      // how many of them make an enrolment witnessed; all
	// Guard is asked once, at the start, before anything is signed: may this
	// database's newest checkpoint be gone on from? See package cosign; nil: yes.
	Guard func(ctx context.Context, checkpoint []byte) error

	Now  func() time.Time
	Rand io.Reader
	// Logf takes what operators should see; it never gets a commitment, a
	// nullifier or anything about a person. nil is silence.
	Logf func(format string, args ...any)
}

// Limits of a configuration.
const (
	MaxSessionTTL = capture.MaxAge
	setTileLife   = 5 * time.Minute // set tiles of a superseded seq (setlog.md)
	headLife      = time.Second     // a head is signed afresh at most this often
)

var errConfig = errors.New("issuer: configuration")

func (c *Config) defaults() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", errConfig, what) }
	if c.Depth == 0 {
		c.Depth = 20
	}
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Anchor, 10*time.Minute)
	set(&c.Window, max(time.Hour, c.Anchor))
	set(&c.SessionTTL, MaxSessionTTL)
	if c.MinBatch == 0 {
		c.MinBatch = 1
	}
	if c.Quorum == 0 {
		c.Quorum = len(c.Witnesses)
	}
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	switch {
	case c.Store == nil || c.Matcher == nil || c.Capture == nil || c.Now == nil || c.Rand == nil:
		return bad("Store, Matcher, Capture, Now and Rand are needed")
	case len(c.Operator) < 32:
		return bad("Operator needs 32 secret bytes")
	case c.Capture.Audience != c.Name:
		return bad("the capture policy is for another audience")
	case c.Depth < 1 || c.Depth > 32:
		return bad("Depth is 1 to 32")
	case c.Anchor < 0 || c.Window < c.Anchor:
		return bad("Window is at least one anchor period")
	case c.SessionTTL < time.Second || c.SessionTTL > MaxSessionTTL:
		return bad("SessionTTL is at most 10 minutes")
	}
	if err := c.DeviceRate.check("DeviceRate"); err != nil {
		return err
	}
	if err := c.OperatorRate.check("OperatorRate"); err != nil {
		return err
	}
	if err := c.Life.defaults(); err != nil {
		return err
	}
	return setlog.ValidateName(c.Name)
}

// keys reads the signer key and derives the public one from it.
func keys(skey, name string) (note.Signer, note.Verifier, string, error) {
	fail := func() (note.Signer, note.Verifier, string, error) {
		return nil, nil, "", fmt.Errorf("%w: Signer is not a signer key for %q", errConfig, name)
	}
	signer, err := note.NewSigner(skey)
	if err != nil || signer.Name() != name {
		return fail()
	}
	// PRIVATE+KEY+name+hash+base64, and base64 itself may hold a plus sign.
	parts := strings.SplitN(skey, "+", 5)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return fail()
	}
	pub := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(name, pub)
	if err != nil {
		return fail()
	}
	verifier, err := setlog.ParseVKey(vkey)
	if err != nil {
		return fail()
	}
	return signer, verifier, vkey, nil
}
