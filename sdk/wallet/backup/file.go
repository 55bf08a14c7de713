package backup

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	fileKind    = "perhuman wallet backup"
	fileVersion = 1
	fileKDF     = "PBKDF2-SHA256"
	fileRounds  = 600_000
	maxRounds   = 10_000_000
	saltSize    = 16
	ivSize      = 12
	minKey      = 16 // as in package wallet
	// padding is the step in which files grow, so that their size says little
	// about how much their owner has done.
	padding = 4096
	// MaxFile bounds what Open reads, in bytes.
	MaxFile = 8 << 20
)

// fileBound is authenticated with the contents.
const fileBound = "perhuman/backup-file/1"

// Contents is what a file brings along.
type Contents struct {
	Created    int64       `json:"created"` // unix
	Secret     string      `json:"secret"`  // base64url
	Pages      []Page      `json:"pages"`
	Enrolments []Enrolment `json:"enrolments"`
	Receipts   []Receipt   `json:"receipts,omitempty"`
	History    []Act       `json:"history"`
}

// Page is the slots used in one book. Its name is a keyed hash (BookName): a
// page does not say of itself where its owner was.
type Page struct {
	Name  string   `json:"name"`
	Until uint64   `json:"until"` // unix end of the period, 0 for ever
	Used  []uint32 `json:"used"`  // oldest first
}

// Enrolment is the receipt of one issuer.
type Enrolment struct {
	Issuer   string `json:"issuer"` // verifier key
	ID       string `json:"id"`
	Receipt  string `json:"receipt"`
	Enrolled int64  `json:"enrolled"` // unix
}

// Receipt is what an issuer signed about this person's place in its set: an
// enrolment, a recovery, a veto, a deletion, a tombstone (package receipt), and
// the proof of the log's entry if it is known.
type Receipt struct {
	Issuer  string `json:"issuer"` // verifier key
	Kind    string `json:"kind"`
	ID      string `json:"id"`              // at the issuer; of a veto the announcement's number
	At      int64  `json:"at"`              // unix
	Receipt string `json:"receipt"`         // base64url
	Proof   string `json:"proof,omitempty"` // setlog.RootProof as text
}

// Act is one line of the history, which its owner may erase at any time.
type Act struct {
	At     int64  `json:"at"` // unix
	RP     string `json:"rp"`
	Action string `json:"action"`
	Kind   string `json:"kind"` // once, returning, per_epoch
	Len    uint64 `json:"len"`
	K      uint32 `json:"k"`
	Issuer string `json:"issuer"` // its name
}

// file is the outer form.
type file struct {
	Perhuman string `json:"perhuman"`
	Version  int    `json:"version"`
	KDF      string `json:"kdf"`
	Rounds   int    `json:"rounds"`
	Salt     string `json:"salt"`
	IV       string `json:"iv"`
	Sealed   string `json:"sealed"`
}

// Key reads the secret.
func (c Contents) Key() ([]byte, error) {
	key, err := base64.RawURLEncoding.DecodeString(c.Secret)
	if err != nil || len(key) < minKey {
		return nil, ErrMalformed
	}
	return key, nil
}

// SetKey puts the secret in.
func (c *Contents) SetKey(key []byte) { c.Secret = base64.RawURLEncoding.EncodeToString(key) }

// aead derives the key. A passphrase is taken as it is typed: the page
// normalises to NFKC before, and so must whoever offers another keyboard.
func aead(passphrase string, salt []byte, rounds int) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha256.New, passphrase, salt, rounds, 32)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return cipher.NewGCM(block)
}

// Seal writes the file.
func Seal(rand io.Reader, passphrase string, c Contents) ([]byte, error) {
	if passphrase == "" {
		return nil, errors.New("backup: a file needs a passphrase")
	}
	fresh := make([]byte, saltSize+ivSize)
	if _, err := io.ReadFull(rand, fresh); err != nil {
		return nil, fmt.Errorf("backup: no randomness: %w", err)
	}
	salt, iv := fresh[:saltSize], fresh[saltSize:]
	gcm, err := aead(passphrase, salt, fileRounds)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(c) // #nosec G117 -- the secret is what a backup is for; it is sealed below
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer clear(plain)
	if rest := len(plain) % padding; rest != 0 {
		padded := append(plain, bytes.Repeat([]byte(" "), padding-rest)...)
		defer clear(padded)
		plain = padded
	}
	enc := base64.RawURLEncoding.EncodeToString
	out, err := json.MarshalIndent(file{
		Perhuman: fileKind, Version: fileVersion, KDF: fileKDF, Rounds: fileRounds,
		Salt: enc(salt), IV: enc(iv), Sealed: enc(gcm.Seal(nil, iv, plain, []byte(fileBound))),
	}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return append(out, '\n'), nil
}

// Open reads a file. It refuses with ErrMalformed before it derives a key, with
// ErrPassphrase after.
func Open(raw []byte, passphrase string) (Contents, error) {
	var f file
	if len(raw) > MaxFile {
		return Contents{}, fmt.Errorf("%w: too long", ErrMalformed)
	}
	if err := json.Unmarshal(raw, &f); err != nil || f.Perhuman != fileKind || f.KDF != fileKDF || f.Rounds < 1 || f.Rounds > maxRounds {
		return Contents{}, ErrMalformed
	}
	if f.Version != fileVersion {
		return Contents{}, fmt.Errorf("%w: version %d", ErrMalformed, f.Version)
	}
	salt, err1 := base64.RawURLEncoding.DecodeString(f.Salt)
	iv, err2 := base64.RawURLEncoding.DecodeString(f.IV)
	sealed, err3 := base64.RawURLEncoding.DecodeString(f.Sealed)
	if err := errors.Join(err1, err2, err3); err != nil || len(salt) != saltSize || len(iv) != ivSize {
		return Contents{}, ErrMalformed
	}
	gcm, err := aead(passphrase, salt, f.Rounds)
	if err != nil {
		return Contents{}, err
	}
	plain, err := gcm.Open(nil, iv, sealed, []byte(fileBound))
	if err != nil {
		return Contents{}, ErrPassphrase
	}
	defer clear(plain)
	var c Contents
	if err := json.Unmarshal(plain, &c); err != nil {
		return Contents{}, ErrMalformed
	}
	_, err = c.Key()
	return c, err
}

// BookName is the name of the page of one action at one relying party in one
// period (seconds since 1970, and its length) under a secret: a keyed hash, the
// same in every wallet that holds the secret.
func BookName(secret []byte, rp, action string, start, length uint64) (string, error) {
	key, err := hkdf.Key(sha256.New, secret, make([]byte, sha256.Size), "perhuman/books/name/1", sha256.Size)
	if err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	what, err := json.Marshal([]any{rp, action, start, length})
	if err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(append([]byte("book\x00"), what...))
	return "book/" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16]), nil
}
