package wallet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Defaults of Config.
const (
	DefaultMinCrowd = 256
	// A root is good for an hour after it was superseded, so for at least an hour
	// after its head was signed. Fifty minutes leave a challenge its five, and five
	// more for clocks that disagree.
	DefaultMaxStaleness = 50 * time.Minute
)

// Key sizes in bytes. Identities made elsewhere may have keys of any length; a
// key shorter than MinKey can be guessed and is refused.
const (
	KeySize = 32
	MinKey  = 16
)

// Source reads an issuer's public files. What it returns is checked, so it may
// be anything: HTTP, a mirror, a directory. It may block.
type Source interface {
	// Head reads the signed head.
	Head(ctx context.Context) ([]byte, error)
	// File reads a static file of the log, here always a tile, by its path below
	// the log's prefix.
	File(ctx context.Context, path string) ([]byte, error)
	// Leaves reads all leaves of the set at a sequence number.
	Leaves(ctx context.Context, seq uint64) ([]byte, error)
	// SetTile reads up to 256 nodes of the set's tree.
	SetTile(ctx context.Context, seq uint64, level int, n uint64) ([]byte, error)
}

// Prover makes proofs of one depth: Prover{Depth: p.Depth(), Prove: p.Prove}
// with a *prove.Prover. It is a struct of functions and not an interface because
// an interface's method types keep all methods of semaphore.Proof in a program,
// parsers and subgroup checks included, that the wallet in the browser does not
// need.
type Prover struct {
	Depth int
	Prove func(ctx context.Context, id *semaphore.Identity, path semaphore.MerkleProof, message, scope semaphore.Uint256) (*semaphore.Proof, error)
}

// Config says whom a wallet follows and what it builds on.
type Config struct {
	Issuer string // verifier key of the set's log: name+hash+key
	Source Source
	Store  Store
	Prover *Prover // may be nil, or be filled in later, in a wallet that only enrols

	// Witnesses must have cosigned the log before a root of it is used; nil asks
	// for nobody, and then a first-time wallet can be shown a history of its own.
	Witnesses *setlog.Witnesses

	Verify  func(*semaphore.Proof) error // checks each proof before it is shown, as (*semaphore.Verifier).Verify does; nil: not checked
	Device  []byte                       // random, one for each device that holds the secret; nil: none
	State   []byte                       // what Persist was last given; nil at first
	Persist func([]byte) error           // keeps what was seen of the log; nil: in memory only

	Now          func() time.Time
	MinCrowd     uint64        // live members to hide among; 0 = DefaultMinCrowd
	MaxStaleness time.Duration // how old a head may be to prove under it; 0 = DefaultMaxStaleness
}

// Wallet is one person's holder of one secret at one issuer. It is safe for
// concurrent use; proofs are made one at a time.
type Wallet struct {
	cfg      Config
	follower *setlog.Follower

	answering sync.Mutex // held while a slot is chosen, proven and written down
	syncing   sync.Mutex

	mu      sync.Mutex // guards the rest
	secret  *secret
	owner   semaphore.Element // commitment of the last secret; stays after Lock
	member  *membership       // under head's root, or nil
	head    setlog.Head       // the head that member belongs to
	hint    *uint64
	answers map[scope.Digest]answered
	frozen  map[uint64]membership // by sequence number: what Freeze has built for owner
}

// secret is what Unlock derives and Lock drops.
type secret struct {
	id         *semaphore.Identity
	key, slots []byte
	commitment semaphore.Element
}

// New makes a wallet, locked and not yet synced.
func New(cfg Config) (*Wallet, error) {
	if cfg.Source == nil || cfg.Store == nil || cfg.Now == nil {
		return nil, refuse(Internal, "a wallet needs Source, Store and Now")
	}
	if cfg.MinCrowd == 0 {
		cfg.MinCrowd = DefaultMinCrowd
	}
	if cfg.MaxStaleness == 0 {
		cfg.MaxStaleness = DefaultMaxStaleness
	}
	w := &Wallet{cfg: cfg, answers: make(map[scope.Digest]answered), frozen: make(map[uint64]membership)}
	fc := setlog.FollowerConfig{VKey: cfg.Issuer, MaxStaleness: cfg.MaxStaleness, Witnesses: cfg.Witnesses}
	if cfg.State != nil {
		var err error
		if fc.State, w.hint, err = splitState(cfg.State); err != nil {
			return nil, err
		}
	}
	if cfg.Persist != nil {
		fc.Persist = func(follower []byte) error { return cfg.Persist(joinState(follower, w.position())) }
	}
	var err error
	if w.follower, err = setlog.NewFollower(fc); err != nil {
		return nil, wrap(RequestInvalid, "issuer or state", err)
	}
	return w, nil
}

// Issuer gives the issuer's name, which is what Possess signs for.
func (w *Wallet) Issuer() string { return w.follower.Name() }

// NewKey draws a new secret.
func NewKey(rand io.Reader) ([]byte, error) {
	key := make([]byte, KeySize)
	if _, err := io.ReadFull(rand, key); err != nil {
		return nil, wrap(Internal, "no randomness for a key", err)
	}
	return key, nil
}

// Unlock takes the secret. The wallet keeps a copy; overwrite your own.
func (w *Wallet) Unlock(key []byte) error {
	if len(key) < MinKey {
		return refuse(SecretInvalid, fmt.Sprintf("a secret has at least %d bytes", MinKey))
	}
	s := &secret{key: bytes.Clone(key)}
	s.id = semaphore.IdentityFromKey(s.key)
	s.commitment = s.id.Commitment()
	var err error
	if s.slots, err = slotKey(s.key); err != nil {
		return refuse(Internal, "slot key")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget()
	w.secret = s
	w.watch(s.commitment)
	return nil
}

// Watch says whose membership Sync looks for. Unlock does the same; Watch is for
// a wallet that stays locked while it reads.
func (w *Wallet) Watch(commitment semaphore.Element) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch(commitment)
}

func (w *Wallet) watch(commitment semaphore.Element) {
	if w.owner == commitment {
		return
	}
	// The position in the state may be another person's: it is a hint, and a
	// wrong one is noticed.
	w.owner, w.member, w.head = commitment, nil, setlog.Head{}
	clear(w.answers)
	clear(w.frozen)
}

// Lock drops the secret and overwrites it where this package holds it.
func (w *Wallet) Lock() {
	w.answering.Lock() // a proof in the making still needs it
	defer w.answering.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget()
}

func (w *Wallet) forget() {
	if w.secret == nil {
		return
	}
	clear(w.secret.key)
	clear(w.secret.slots)
	w.secret = nil
}

func (w *Wallet) unlocked() (*secret, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.secret == nil {
		return nil, refuse(Locked, "no secret has been given")
	}
	return w.secret, nil
}

// Possession is what an enrolment, a recovery, a veto or a deletion needs of the
// wallet: see Possess, Purpose and Veto.
type Possession struct {
	PublicKey semaphore.PublicKey
	Signature []byte   // packed EdDSA-Poseidon, 64 bytes
	Salt      [32]byte // for the biometric commitment; goes to the issuer alone
}

// Possess signs an issuer's session nonce with the identity key
// (protocol.md section 6) and derives the salt that hides which capture made
// this person a member.
func (w *Wallet) Possess(nonce [32]byte) (Possession, error) {
	s, err := w.unlocked()
	if err != nil {
		return Possession{}, err
	}
	return Possess(s.id, s.key, w.Issuer(), nonce)
}

// Possess is Wallet.Possess for a caller that holds no Wallet yet.
func Possess(id *semaphore.Identity, key []byte, issuer string, nonce [32]byte) (Possession, error) {
	return ToEnrol.Possess(id, key, issuer, nonce)
}

// Request is one relying party's wish for one proof.
type Request struct {
	Origin    string // as the browser reports it; decides the relying party
	Action    string
	Policy    scope.Policy
	Challenge string              // base64url token
	Content   scope.Digest        // what the person is shown; zeros if nothing is bound
	Keys      []ed25519.PublicKey // the relying party's published keys; nil: signature not checked
}

// statePrefix starts the state of a wallet: the position, then the follower's.
const statePrefix = "perhuman/wallet/1 "

func joinState(follower []byte, position *uint64) []byte {
	p := "-"
	if position != nil {
		p = strconv.FormatUint(*position, 10)
	}
	return append([]byte(statePrefix+p+"\n"), follower...)
}

func splitState(state []byte) (follower []byte, position *uint64, err error) {
	first, rest, ok := bytes.Cut(state, []byte("\n"))
	p, ok2 := bytes.CutPrefix(first, []byte(statePrefix))
	if !ok || !ok2 {
		return nil, nil, refuse(RequestInvalid, "not a wallet's state")
	}
	if string(p) == "-" {
		return rest, nil, nil
	}
	n, err := strconv.ParseUint(string(p), 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != string(p) {
		return nil, nil, refuse(RequestInvalid, "not a wallet's state")
	}
	return rest, &n, nil
}

// StateOf names the issuer that a state is of, "" if it is no wallet's state. An
// issuer that changed its key still has its name: a wallet under the new key
// goes on from the state of the old one, once the issuer has signed with both
// (setlog.ErrUnvouched).
func StateOf(state []byte) string {
	follower, _, err := splitState(state)
	if err != nil {
		return ""
	}
	name, err := setlog.StateName(follower)
	if err != nil {
		return ""
	}
	return name
}

// State gives what Persist is given, for callers that keep it themselves.
func (w *Wallet) State() []byte { return joinState(w.follower.State(), w.position()) }

func (w *Wallet) position() *uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hint
}
