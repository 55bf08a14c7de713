package setlog_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// A verifier follows an issuer and asks whether a proof's root may be accepted.
func ExampleFollower() {
	var vkey string // as pinned by the operator
	var state []byte
	f, err := setlog.NewFollower(setlog.FollowerConfig{
		VKey: vkey, State: state,
		Persist: func(b []byte) error { return os.WriteFile("issuer.state", b, 0o600) },
	})
	if err != nil {
		return
	}
	var head []byte                                                // GET /head
	fetch := func(path string) ([]byte, error) { return nil, nil } // GET /<path>
	err = f.Update(head, time.Now(), fetch)
	var fork *setlog.ErrFork
	if errors.As(err, &fork) {
		text, _ := fork.MarshalText()
		fmt.Printf("publish this evidence:\n%s", text)
	}
	var root semaphore.Element // of a proof
	info, err := f.Root(root, time.Now())
	fmt.Println(info.Seq, info.Live, err)
}

// An issuer logs a batch of one entry and signs the checkpoint.
func ExampleAppend() {
	signerKey, vkey, err := setlog.GenerateKey(rand.Reader, "issuer.example/people")
	if err != nil {
		return
	}
	signer, err := note.NewSigner(signerKey)
	if err != nil {
		return
	}
	leaf := semaphore.IdentityFromKey([]byte("somebody's secret")).Commitment()
	entry := setlog.Entry{Op: setlog.OpEnrol, Seq: 1, Commitment: leaf, Root: leaf, Live: 1, Day: 20718}
	var stored setlog.Hashes // nothing logged yet
	hashes, tree, err := setlog.Append(0, []setlog.Entry{entry}, stored)
	if err != nil {
		return
	}
	stored = append(stored, hashes...) // in one transaction with the entry
	signed, err := setlog.Checkpoint{Origin: signer.Name(), Size: tree.N, Hash: tree.Hash}.Sign(signer)
	if err != nil {
		return
	}
	proof, err := setlog.ProveRoot(entry, 0, signed, stored)
	if err != nil {
		return
	}
	v, err := setlog.ParseVKey(vkey)
	if err != nil {
		return
	}
	checkpoint, logged, err := proof.Verify(v)
	fmt.Println(checkpoint.Size, logged.Root == leaf, err)
	// Output: 1 true <nil>
}
