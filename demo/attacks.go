package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// attacks is the table of what the bot page and the headless story try.
func attacks() []attack {
	return []attack{
		{"no-proof", "Post with no proof at all", "A plain script that sends what a form would send.", api.ChallengeMissing, noProof},
		{"copied", "Copy a human's proof onto another text", "The proof is real and fresh, the text is not the one it was made for.", api.MessageMismatch, copied},
		{"replay", "Send an accepted request again", "The very same bytes, a second time.", api.ChallengeAlreadyUsed, replay},
		{"spent", "Use a spent slot again", "A new proof with a new challenge, for a slot that this human has used today.", api.NullifierAlreadyUsed, spentSlot},
		{"sixth", "Make a sixth slot", "Five posts a day are slots 0 to 4; this proof is for slot 5.", api.ScopeMismatch, sixthSlot},
		{"wrong-site", "Use a proof made for another site", "A real proof for other.example, shown here.", api.ScopeMismatch, wrongSite},
		{"wrong-action", "Use a sign-in to post", "A challenge that this board gave out for another action.", api.ChallengeWrongAction, wrongAction},
		{"wrong-session", "Use a proof made in another session", "A phished answer, submitted from somebody else's browser.", api.ChallengeWrongSession, wrongSession},
		{"made-up-root", "Prove membership in a set of one's own", "A valid proof about a set that no issuer ever published.", api.RootUnknown, madeUpRoot},
		{"root-zero", "Claim the root 0", "The circuit lets anybody prove under root 0, so nobody may use it.", api.RootUnknown, rootZero},
		{"alias", "Write a spent nullifier in another way", "The same number plus the field's order: equal in the circuit, different in a database.", api.NotCanonical, aliasNullifier},
		{"forged", "Change the nullifier in a real proof", "One bit, to look like somebody new.", api.ProofInvalid, forged},
		{"challenge", "Make up a challenge", "Signed by a key that is not the board's.", api.ChallengeInvalid, forgedChallenge},
	}
}

// attempt is one try to post: everything that an attack may change.
type attempt struct {
	who     *semaphore.Identity
	slot    uint32
	rp      string
	action  string // of the challenge
	session string // of the challenge
	set     *semaphore.Group
	author  string              // a name; "bot" if empty
	text    string              // that the proof is made for
	sent    string              // that is sent, if not text
	token   string              // a challenge, if not a fresh one
	change  func(packed []byte) // offsets of semaphore-v4.md section 6
}

// attempt gives an honest attempt by another member of the crowd. Members post
// once in a demonstration, in a slot that they choose at random.
func (b *bots) attempt(session string) (attempt, error) {
	set, err := b.set()
	if err != nil {
		return attempt{}, err
	}
	slot, err := rand.Int(rand.Reader, big.NewInt(postsPerDay))
	if err != nil {
		return attempt{}, err
	}
	return attempt{
		who: b.member(), slot: uint32(slot.Uint64()), rp: b.w.cfg.rp(), action: actionPost, session: session, set: set,
		text: "Posted by a script, with the proof of a made-up person.",
	}, nil
}

// load proves and writes the request.
func (b *bots) load(ctx context.Context, a attempt) (shot, error) {
	now := time.Now()
	d := draft{Author: cmp.Or(a.author, "bot"), Text: a.text, Created: uint64(now.Unix())}
	content, err := scope.Post{RP: b.w.cfg.rp(), Author: d.Author, Created: d.Created, Text: d.Text}.Digest()
	if err != nil {
		return shot{}, err
	}
	if a.token == "" {
		if a.token, err = b.challenge(ctx, a.action, content, a.session); err != nil {
			return shot{}, err
		}
	}
	raw, err := scope.DecodeToken(a.token)
	if err != nil {
		return shot{}, err
	}
	s, err := scope.Compute(a.rp, actionPost, postPolicy.Period(now), a.slot)
	if err != nil {
		return shot{}, err
	}
	proof, err := b.rogue.under(ctx, a.who, a.set, s, scope.Message(content, scope.ChallengeDigest(raw)))
	if err != nil {
		return shot{}, err
	}
	packed, err := proof.MarshalBinary()
	if err != nil {
		return shot{}, err
	}
	if a.change != nil {
		a.change(packed)
	}
	if a.sent != "" {
		d.Text = a.sent
	}
	return postShot(d, scope.EncodeToken(packed)+"."+a.token)
}

func postShot(d draft, response string) (shot, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return shot{}, err
	}
	s := shot{Method: http.MethodPost, Path: "/posts", Headers: jsonHeader(), Body: string(body)}
	if response != "" {
		s.Headers["Perhuman-Response"] = response
	}
	return s, nil
}

// vary is an attack that differs from an honest attempt by one change.
func vary(ctx context.Context, b *bots, session string, change func(*attempt) error) (shot, error) {
	a, err := b.attempt(session)
	if err != nil {
		return shot{}, err
	}
	if err := change(&a); err != nil {
		return shot{}, err
	}
	return b.load(ctx, a)
}

func noProof(context.Context, *bots, string) (shot, error) {
	return postShot(draft{Author: "bot", Text: "Buy now!", Created: uint64(time.Now().Unix())}, "")
}

func copied(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error { a.sent = "Buy now! A verified human says so."; return nil })
}

func sixthSlot(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error { a.slot = postsPerDay; return nil })
}

func wrongSite(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error { a.rp = "other.example"; return nil })
}

func wrongAction(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error { a.action = actionHello; return nil })
}

func wrongSession(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error { a.session = newSession(); return nil })
}

func madeUpRoot(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) (err error) {
		a.set, err = ownSet(a.who)
		return err
	})
}

// rootZero carries a zero root. Whether the proof below it holds makes no
// difference: the root is refused before any pairing is computed.
func rootZero(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error {
		a.change = func(packed []byte) { clear(packed[rootAt:nullifierAt]) }
		return nil
	})
}

func aliasNullifier(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error {
		a.change = func(packed []byte) {
			n := packed[nullifierAt:messageAt]
			r, _ := new(big.Int).SetString(fieldOrder, 10)
			r.Add(r, new(big.Int).SetBytes(n)).FillBytes(n)
		}
		return nil
	})
}

// Where the fields of a packed proof begin.
const (
	rootAt      = 1
	nullifierAt = rootAt + 32
	messageAt   = nullifierAt + 32
)

// fieldOrder is r of BN254.
const fieldOrder = "21888242871839275222246405745257275088548364400416034343698204186575808495617"

func forged(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error {
		a.change = func(packed []byte) { packed[messageAt-1] ^= 1 }
		return nil
	})
}

func forgedChallenge(ctx context.Context, b *bots, session string) (shot, error) {
	return vary(ctx, b, session, func(a *attempt) error {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		c, err := scope.NewChallenge(rand.Reader, scope.ChallengeParams{
			RP: b.w.cfg.rp(), Action: actionPost, Origin: b.w.cfg.url(boardHost), Session: session, Now: time.Now(),
		})
		if err != nil {
			return err
		}
		a.token = scope.EncodeToken(c.Sign(key))
		return nil
	})
}

// accepted makes an honest attempt and has the board accept it. Members who
// have used their slot today are passed over.
func (b *bots) accepted(ctx context.Context, session string) (attempt, shot, error) {
	for range 20 {
		a, err := b.attempt(session)
		if err != nil {
			return attempt{}, shot{}, err
		}
		s, err := b.load(ctx, a)
		if err != nil {
			return attempt{}, shot{}, err
		}
		_, challenge, _ := strings.Cut(s.Headers["Perhuman-Response"], ".")
		var status int
		b.try(challenge, func() { status, _, err = b.fire(ctx, s, session) })
		if err != nil || status == http.StatusCreated {
			return a, s, err
		}
	}
	return attempt{}, shot{}, api.Errorf(api.Overloaded, "the crowd has used up its posts of today; come back tomorrow")
}

func replay(ctx context.Context, b *bots, session string) (shot, error) {
	_, s, err := b.accepted(ctx, session)
	return s, err
}

func spentSlot(ctx context.Context, b *bots, session string) (shot, error) {
	a, _, err := b.accepted(ctx, session)
	if err != nil {
		return shot{}, err
	}
	return b.load(ctx, a) // a fresh challenge, the same slot
}
