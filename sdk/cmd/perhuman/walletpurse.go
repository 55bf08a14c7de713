package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/backup"
	"github.com/perhuman/perhuman/sdk/wallet/filestore"
	"github.com/perhuman/perhuman/sdk/wallet/httpsource"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Files of a wallet's folder.
const (
	purseMain    = "wallet.json"   // issuers, and the secret under the passphrase
	purseSlots   = "slots"         // the journal of package filestore, which also keeps a second process out
	purseHistory = "history.jsonl" // one backup.Act a line
)

type purseIssuer struct {
	VKey string `json:"vkey"`
	At   string `json:"at,omitempty"`
}

// purseFile is wallet.json. Vault is an encrypted backup file; what it brings
// along beside the secret is what was restored into this wallet.
type purseFile struct {
	Version   int             `json:"version"`
	Issuers   []purseIssuer   `json:"issuers"`
	Witnesses []string        `json:"witnesses,omitempty"`
	Quorum    int             `json:"quorum,omitempty"`
	Device    string          `json:"device"` // random, base64url: sets this device's order of slots apart
	Vault     json.RawMessage `json:"vault"`
}

// purse is an open folder.
type purse struct {
	dir        string
	file       purseFile
	passphrase string
	vault      backup.Contents
	key        []byte
	id         *semaphore.Identity
	slots      *filestore.Store
	store      *restored
	rand       io.Reader // for sealing
}

func makePurse(dir, passphrase string, p purseFile, c backup.Contents, random io.Reader) (*purse, error) {
	path := filepath.Join(dir, purseMain)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s exists already; a wallet is not written over", path)
	}
	for _, i := range p.Issuers {
		if _, err := setlog.ParseVKey(i.VKey); err != nil {
			return nil, err
		}
	}
	device := make([]byte, 16)
	if _, err := io.ReadFull(random, device); err != nil {
		return nil, err
	}
	vault, err := backup.Seal(random, passphrase, c)
	if err != nil {
		return nil, err
	}
	p.Version, p.Device, p.Vault = 1, base64.RawURLEncoding.EncodeToString(device), vault
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := p.write(path); err != nil {
		return nil, err
	}
	return openPurse(dir, passphrase, random)
}

func (p purseFile) write(path string) error {
	raw, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(raw, '\n'))
}

// replaceFile writes a file for its owner alone, all of it or nothing.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path) // #nosec G304 -- of the wallet's own folder
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func openPurse(dir, passphrase string, random io.Reader) (*purse, error) {
	raw, err := readFile(filepath.Join(dir, purseMain))
	if err != nil {
		return nil, err
	}
	if wiped(dir) {
		return nil, fmt.Errorf("the wallet in %s is being wiped; perhuman wallet wipe -yes goes on with it", dir)
	}
	w := &purse{dir: dir, passphrase: passphrase, rand: random}
	if err := json.Unmarshal(raw, &w.file); err != nil || w.file.Version != 1 {
		return nil, fmt.Errorf("%s is not a wallet of this version", filepath.Join(dir, purseMain))
	}
	if w.vault, err = backup.Open(w.file.Vault, passphrase); err != nil {
		return nil, err
	}
	if w.key, err = w.vault.Key(); err != nil {
		return nil, err
	}
	w.id = semaphore.IdentityFromKey(w.key)
	if w.slots, err = filestore.Open(filepath.Join(dir, purseSlots)); err != nil {
		return nil, err
	}
	w.store = newRestored(w.slots, w.key, w.vault.Pages)
	return w, nil
}

// Close gives the folder free and overwrites the secret.
func (w *purse) Close() {
	clear(w.key)
	_ = w.slots.Close() // every write was synced when it was made
}

// follow opens the wallet of one issuer, unlocked. Prover and verify may be nil
// where nothing is proven.
func (w *purse) follow(i purseIssuer, prover *wallet.Prover, verify func(*semaphore.Proof) error) (*wallet.Wallet, error) {
	source, err := httpsource.New(i.VKey, i.At, nil)
	if err != nil {
		return nil, err
	}
	device, err := base64.RawURLEncoding.DecodeString(w.file.Device)
	if err != nil {
		return nil, fmt.Errorf("%s: device", purseMain)
	}
	var witnesses *setlog.Witnesses
	if len(w.file.Witnesses) > 0 {
		if witnesses, err = setlog.NewWitnesses(w.file.Quorum, w.file.Witnesses); err != nil {
			return nil, err
		}
	}
	path := w.statePath(i.VKey)
	state, err := w.state(i.VKey)
	if err != nil {
		return nil, err
	}
	out, err := wallet.New(wallet.Config{
		Issuer: i.VKey, Source: source, Store: w.store, Device: device, Witnesses: witnesses, Now: time.Now, Prover: prover, Verify: verify,
		State: state, Persist: func(b []byte) error { return replaceFile(path, b) },
	})
	if err != nil {
		return nil, err
	}
	return out, out.Unlock(w.key)
}

func (w *purse) statePath(of string) string {
	sum := sha256.Sum256([]byte(of))
	return filepath.Join(w.dir, "state-"+hex.EncodeToString(sum[:8]))
}

// state reads what was seen of an issuer's log: under its key, or under the one
// before it, which the wallet then wants to hear vouch for this one. Whoever
// wants to begin anew says so with wallet follow -afresh.
func (w *purse) state(vkey string) ([]byte, error) {
	state, err := os.ReadFile(w.statePath(vkey))
	if !errors.Is(err, fs.ErrNotExist) {
		return state, err
	}
	files, err := w.states(issuerName(vkey))
	if err != nil {
		return nil, err
	}
	var newest time.Time
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || info.ModTime().Before(newest) {
			continue
		}
		if state, err = os.ReadFile(path); err != nil { // #nosec G304 -- of the wallet's own folder
			return nil, err
		}
		newest = info.ModTime()
	}
	return state, nil
}

// contents is all there is to back up.
func (w *purse) contents(now time.Time) (backup.Contents, error) {
	c := w.vault
	c.Created = now.Unix()
	var err error
	if c.History, err = w.history(); err != nil {
		return c, err
	}
	pages := slices.Clone(c.Pages)
	for _, b := range w.slots.Books() {
		name, err := backup.BookName(w.key, b.RP, b.Action, b.Period.Start, b.Period.Len)
		if err != nil {
			return c, err
		}
		i := slices.IndexFunc(pages, func(p backup.Page) bool { return p.Name == name })
		if i < 0 {
			i = len(pages)
			pages = append(pages, backup.Page{Name: name, Until: b.Period.End()})
		}
		uses, err := w.slots.Uses(context.Background(), b)
		if err != nil {
			return c, err
		}
		pages[i].Used = slices.Clone(pages[i].Used)
		for _, u := range uses {
			pages[i].Used = append(pages[i].Used, u.Slot)
		}
	}
	c.Pages = pages
	return c, nil
}

// history lists what was proven, oldest first.
func (w *purse) history() ([]backup.Act, error) {
	acts := slices.Clone(w.vault.History)
	raw, err := os.ReadFile(filepath.Join(w.dir, purseHistory))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		var a backup.Act
		if json.Unmarshal(lines.Bytes(), &a) == nil { // a line that a crash cut short is no loss
			acts = append(acts, a)
		}
	}
	slices.SortStableFunc(acts, func(a, b backup.Act) int { return int(a.At - b.At) })
	return acts, lines.Err()
}

func (w *purse) note(a backup.Act) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(w.dir, purseHistory), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// reseal writes other contents beside the secret, under the same passphrase.
func (w *purse) reseal(c backup.Contents) error {
	vault, err := backup.Seal(w.rand, w.passphrase, c)
	if err != nil {
		return err
	}
	next := w.file
	next.Vault = vault
	if err := next.write(filepath.Join(w.dir, purseMain)); err != nil {
		return err
	}
	w.file, w.vault = next, c
	return nil
}

func (w *purse) eraseHistory() error {
	if len(w.vault.History) > 0 {
		c := w.vault
		c.History = nil
		if err := w.reseal(c); err != nil {
			return err
		}
	}
	err := os.Remove(filepath.Join(w.dir, purseHistory))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// restored is a store that also knows the slots that a backup brought: for
// which challenges those were used is not known, so each gets a stand-in that no
// challenge hashes to.
type restored struct {
	wallet.Store
	key   []byte
	pages map[string][]uint32
}

func newRestored(s wallet.Store, key []byte, pages []backup.Page) *restored {
	r := &restored{s, key, make(map[string][]uint32)}
	for _, p := range pages {
		r.pages[p.Name] = p.Used
	}
	return r
}

func (r *restored) used(b wallet.Book) ([]uint32, error) {
	name, err := backup.BookName(r.key, b.RP, b.Action, b.Period.Start, b.Period.Len)
	return r.pages[name], err
}

// Uses lists the restored uses, then those of the file.
func (r *restored) Uses(ctx context.Context, b wallet.Book) ([]wallet.Use, error) {
	used, err := r.used(b)
	if err != nil {
		return nil, err
	}
	var uses []wallet.Use
	for _, slot := range used {
		uses = append(uses, wallet.Use{Challenge: sha256.Sum256(fmt.Appendf(nil, "restored slot %d", slot)), Slot: slot})
	}
	here, err := r.Store.Uses(ctx, b)
	return append(uses, here...), err
}

// Take refuses a slot that a backup brought.
func (r *restored) Take(ctx context.Context, b wallet.Book, u wallet.Use) error {
	used, err := r.used(b)
	if err != nil {
		return err
	}
	if slices.Contains(used, u.Slot) {
		return wallet.ErrTaken
	}
	return r.Store.Take(ctx, b, u)
}
