package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// walletPassphrase puts a wallet under another passphrase. The file is replaced
// in one step: whatever ends the command, one of the two opens the wallet.
func walletPassphrase(_ context.Context, args []string, e env) error {
	f := walletFlagSet("passphrase", "-new-passphrase-file FILE", e)
	file := f.String("new-passphrase-file", "", "file with the next passphrase, readable by its owner alone")
	if err := f.parse(args); err != nil {
		return err
	}
	if *file == "" {
		return missing(f.FlagSet, "-new-passphrase-file is needed")
	}
	next, err := readSecret(*file)
	if err != nil {
		return err
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	// What a command that was killed left half written opens with the old one.
	entries, err := os.ReadDir(*f.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".new-") {
			if err := os.Remove(filepath.Join(*f.dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	w.passphrase = next
	if err := w.reseal(w.vault); err != nil {
		return err
	}
	fmt.Fprintln(e.err, "The wallet opens with the new passphrase alone. Copies of the folder, and backup files, open with theirs as before.")
	return nil
}

// walletWipe removes a wallet from this machine. The secret goes first and in one
// step, so that a wipe that was cut short is finished by doing it again.
func walletWipe(_ context.Context, args []string, e env) error {
	f := walletFlagSet("wipe", "[-yes]", e)
	yes := f.Bool("yes", false, "do it; without it, the command only says what would be gone")
	if err := f.parse(args); err != nil {
		return err
	}
	if !wiped(*f.dir) {
		w, err := f.open()
		if err != nil {
			return err
		}
		defer w.Close() // with its lock on the slots: nobody proves meanwhile
		fmt.Fprintf(e.err, "The wallet of commitment %s in %s: secret, used slots, receipts and history.\n", w.id.Commitment(), *f.dir)
		if !*yes {
			fmt.Fprintln(e.err, "Nothing was removed. With -yes it is, and only a backup brings the secret back. Nobody leaves a set by this: perhuman wallet delete does that, and needs the secret.")
			return nil
		}
		if err := replaceFile(filepath.Join(*f.dir, purseMain), []byte(tombstone)); err != nil {
			return err
		}
	}
	left, err := removePurse(*f.dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.err, "It is gone. Backups on paper or in files are not touched, and neither is the place in the issuers' sets.")
	if left > 0 {
		fmt.Fprintf(e.err, "%s has other files, and stays.\n", *f.dir)
	}
	return nil
}

// tombstone is the wallet.json of a wallet that is being wiped.
const tombstone = `{"version":1,"wiped":true}` + "\n"

// wiped tells whether a folder holds what a wipe that was cut short has left.
func wiped(dir string) bool {
	raw, err := readFile(filepath.Join(dir, purseMain))
	var file struct {
		Wiped bool `json:"wiped"`
	}
	return err == nil && json.Unmarshal(raw, &file) == nil && file.Wiped
}

// removePurse removes the files of a wallet, the one that says it is one last,
// and the folder if nothing else is in it. It gives how many files are left.
func removePurse(dir string) (left int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case name == purseMain:
		case name == purseSlots, name == purseHistory, strings.HasPrefix(name, "state-"), strings.HasPrefix(name, "place-"), strings.HasPrefix(name, ".new-"):
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return 0, err
			}
		default:
			left++
		}
	}
	if err := os.Remove(filepath.Join(dir, purseMain)); err != nil {
		return left, err
	}
	if left == 0 {
		err = os.Remove(dir)
	}
	return left, err
}
