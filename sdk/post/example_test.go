package post_test

import (
	"crypto/ed25519"
	"fmt"
	"os"

	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/semaphore"
)

// A reader checks a bundle found anywhere, with two keys and no network.
func ExampleCheckJSON() {
	raw, err := os.ReadFile("testdata/bundle.json")
	if err != nil {
		return
	}
	v, err := semaphore.NewVerifier()
	if err != nil {
		return
	}
	siteKey := ed25519.PublicKey{ // from https://<rp>/.well-known/perhuman.json, kept by the reader
		0x75, 0xd2, 0xad, 0x9d, 0x8b, 0x4b, 0x10, 0x7d, 0x0a, 0x13, 0x19, 0x6f, 0xe2, 0xe7, 0x44, 0x34,
		0x91, 0x4c, 0x71, 0xb1, 0x59, 0xc4, 0x89, 0x04, 0x9f, 0x33, 0x5b, 0xc8, 0xbf, 0x19, 0x7c, 0x45,
	}
	r := post.CheckJSON(raw, post.CheckConfig{
		Issuer: "issuer.example/people+94881cca+AVUkiHK/2jDhCg4NR5b0meOgjUhE0tr8+MLggCX8Bg+v",
		RPKeys: []ed25519.PublicKey{siteKey}, Verifier: v, MaxK: 5,
	})
	fmt.Println(r.OK, r.Time, r.Cap, r.RP, r.Author, r.SetSize, r.EntryDay)
	// Output: true proven proven agora.localhost:8080 ada 20 2026-09-21
}
