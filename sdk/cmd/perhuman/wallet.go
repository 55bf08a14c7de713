package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/backup"
	"github.com/perhuman/perhuman/semaphore"
)

// walletFlags are what every command of a wallet takes.
type walletFlags struct {
	*flag.FlagSet
	dir, passphraseFile *string
	rand                io.Reader
}

const walletUsage = "-dir FOLDER -passphrase-file FILE"

func walletFlagSet(name, usage string, e env) walletFlags {
	f := flags("wallet "+name, strings.TrimSpace(walletUsage+" "+usage), e)
	preset := ""
	if e.getenv != nil {
		preset = e.getenv("PERHUMAN_PASSPHRASE_FILE")
	}
	return walletFlags{f,
		f.String("dir", "", "the wallet's folder"),
		f.String("passphrase-file", preset, "file with the passphrase, readable by its owner alone (also PERHUMAN_PASSPHRASE_FILE)"), e.rand}
}

func (f walletFlags) parse(args []string) error {
	if err := parse(f.FlagSet, args, 0); err != nil {
		return err
	}
	if *f.dir == "" || *f.passphraseFile == "" {
		return missing(f.FlagSet, "-dir and -passphrase-file are needed")
	}
	return nil
}

func (f walletFlags) open() (*purse, error) {
	passphrase, err := readSecret(*f.passphraseFile)
	if err != nil {
		return nil, err
	}
	return openPurse(*f.dir, passphrase, f.rand)
}

// issuerFlag collects issuers: a verifier key, or key=address.
type issuerFlag []purseIssuer

func (l *issuerFlag) String() string { return "" }

func (l *issuerFlag) Set(s string) error {
	vkey, at := s, ""
	for _, scheme := range []string{"=https://", "=http://"} {
		if i := strings.LastIndex(s, scheme); i > 0 {
			vkey, at = s[:i], s[i+1:]
		}
	}
	*l = append(*l, purseIssuer{VKey: vkey, At: at})
	return nil
}

// walletNew makes a wallet with a fresh secret.
func walletNew(ctx context.Context, args []string, e env) error {
	return walletMake(ctx, "new", args, e, "", func(*flag.FlagSet) func() (backup.Contents, error) {
		return func() (c backup.Contents, err error) {
			key, err := wallet.NewKey(e.rand)
			if err == nil {
				c.SetKey(key)
				clear(key)
			}
			return c, err
		}
	})
}

// walletRestore makes one out of an encrypted file, or out of words or a code.
func walletRestore(ctx context.Context, args []string, e env) error {
	return walletMake(ctx, "restore", args, e, "(-from FILE -from-passphrase-file FILE | -paper FILE)", func(f *flag.FlagSet) func() (backup.Contents, error) {
		from := f.String("from", "", "encrypted backup file, of this command or of the wallet in a browser")
		phrase := f.String("from-passphrase-file", "", "file with the passphrase of that file")
		paper := f.String("paper", "", "file with the 25 words or the code PH1-..., readable by its owner alone")
		return func() (c backup.Contents, err error) {
			if (*from == "") == (*paper == "") || (*from != "") != (*phrase != "") {
				return c, missing(f, "one of -paper, or -from with -from-passphrase-file is needed")
			}
			if *paper != "" {
				text, err := readPrivate(*paper)
				if err != nil {
					return c, err
				}
				read := backup.ParseWords
				if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(text)), "PH1") {
					read = backup.ParseCode
				}
				key, err := read(text)
				if err == nil {
					c.SetKey(key)
					clear(key)
				}
				return c, err
			}
			passphrase, err := readSecret(*phrase)
			if err != nil {
				return c, err
			}
			raw, err := readFile(*from)
			if err != nil {
				return c, err
			}
			return backup.Open(raw, passphrase)
		}
	})
}

// walletImport makes one out of an identity that an official Semaphore client
// has exported.
func walletImport(ctx context.Context, args []string, e env) error {
	return walletMake(ctx, "import", args, e, "-identity FILE", func(f *flag.FlagSet) func() (backup.Contents, error) {
		identity := f.String("identity", "", "file with the exported identity, base64, readable by its owner alone")
		return func() (c backup.Contents, err error) {
			text, err := readSecret(*identity)
			if err != nil {
				return c, err
			}
			id, err := semaphore.ParseIdentity(text)
			if err != nil {
				return c, errors.New("the file does not hold an exported Semaphore v4 identity")
			}
			key := id.Key()
			defer clear(key)
			if len(key) < wallet.MinKey {
				return c, errors.New("this identity's key is so short that it can be guessed")
			}
			c.SetKey(key)
			return c, nil
		}
	})
}

// walletMake is what the three ways to a wallet have in common.
func walletMake(_ context.Context, name string, args []string, e env, usage string, source func(*flag.FlagSet) func() (backup.Contents, error)) error {
	f := walletFlagSet(name, strings.TrimSpace("-issuer VKEY[=URL]... "+usage), e)
	var p purseFile
	f.Var((*issuerFlag)(&p.Issuers), "issuer", "verifier key of an issuer to follow, with =URL if it is not at its name; may be given many times")
	witnesses := f.String("witnesses", "", "verifier keys of witnesses, with commas between")
	f.IntVar(&p.Quorum, "quorum", 1, "how many of the witnesses must have cosigned a log")
	contents := source(f.FlagSet)
	if err := f.parse(args); err != nil {
		return err
	}
	if len(p.Issuers) == 0 {
		return missing(f.FlagSet, "-issuer is needed: whom this wallet follows")
	}
	if *witnesses != "" {
		p.Witnesses = strings.Split(*witnesses, ",")
	}
	passphrase, err := readSecret(*f.passphraseFile)
	if err != nil {
		return err
	}
	c, err := contents()
	if err != nil {
		return err
	}
	c.Created = time.Now().Unix()
	w, err := makePurse(*f.dir, passphrase, p, c, e.rand)
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Fprintf(e.out, "commitment %s\n", w.id.Commitment())
	fmt.Fprintln(e.err, "The folder and the passphrase are the person. Make a backup: perhuman wallet backup")
	return nil
}

// walletBackup writes an encrypted file, or prints the words or the code.
func walletBackup(_ context.Context, args []string, e env) error {
	f := walletFlagSet("backup", "(-out FILE -out-passphrase-file FILE | -words | -code)", e)
	out := f.String("out", "", "write an encrypted file here; it must not exist")
	phrase := f.String("out-passphrase-file", "", "file with the passphrase for that file")
	words := f.Bool("words", false, "print the 25 words: for paper")
	code := f.Bool("code", false, "print the code PH1-...")
	if err := f.parse(args); err != nil {
		return err
	}
	given := 0
	for _, b := range []bool{*out != "", *words, *code} {
		if b {
			given++
		}
	}
	if given != 1 || (*out != "") != (*phrase != "") {
		return missing(f.FlagSet, "one of -words, -code, or -out with -out-passphrase-file is needed")
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	switch {
	case *words:
		list, err := backup.Words(w.key)
		for i, word := range list {
			fmt.Fprintf(e.out, "%2d %s\n", i+1, word)
		}
		return err
	case *code:
		text, err := backup.Code(w.key)
		if err == nil {
			fmt.Fprintln(e.out, text)
		}
		return err
	}
	passphrase, err := readSecret(*phrase)
	if err != nil {
		return err
	}
	c, err := w.contents(time.Now())
	if err != nil {
		return err
	}
	raw, err := backup.Seal(e.rand, passphrase, c)
	if err != nil {
		return err
	}
	return writeSecret(filepath.Clean(*out), strings.TrimSuffix(string(raw), "\n"))
}

// walletExport prints the identity as official Semaphore clients read it.
func walletExport(_ context.Context, args []string, e env) error {
	f := walletFlagSet("export", "", e)
	if err := f.parse(args); err != nil {
		return err
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Fprintln(e.err, "Whoever has this line is the person, at every site, past and future.")
	fmt.Fprintln(e.out, w.id.Export())
	return nil
}

// walletHistory prints or erases what was proven where.
func walletHistory(_ context.Context, args []string, e env) error {
	f := walletFlagSet("history", "[-json | -erase]", e)
	asJSON := f.Bool("json", false, "print one JSON object a line")
	erase := f.Bool("erase", false, "erase it; used slots stay used, and the file of slots goes on naming sites")
	if err := f.parse(args); err != nil {
		return err
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	if *erase {
		return w.eraseHistory()
	}
	acts, err := w.history()
	if err != nil {
		return err
	}
	enc := json.NewEncoder(e.out)
	for _, a := range acts {
		if *asJSON {
			if err := enc.Encode(a); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(e.out, "%s  %s  %s  under %s\n", time.Unix(a.At, 0).UTC().Format(time.RFC3339), a.RP, a.Action, a.Issuer)
	}
	return nil
}

// readPrivate reads a file of some lines that only its owner may read.
func readPrivate(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others; chmod 600 it first", path)
	}
	b, err := readFile(path)
	return string(b), err
}
