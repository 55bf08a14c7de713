package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// boundTo says in words what a proof will be bound to, read from the bytes that
// are bound and from nothing beside them. What others wrote is quoted, so that
// no character of it hides or turns around what a terminal shows.
func boundTo(origin, kind string, content []byte) (string, error) {
	digest, err := scope.Content(kind, content)
	if err != nil {
		return "", err
	}
	if len(content) > wallet.MaxBound && kind != scope.KindVote && kind != scope.KindGrant {
		return opaque(kind, content, digest), nil // too much to show
	}
	b, err := wallet.ReadBound(origin, digest, kind, content, norm.NFC.IsNormalString)
	if err != nil {
		return "", refusalError(err)
	}
	switch {
	case b.Vote != nil:
		return fmt.Sprintf("It is your vote for %q in the poll %q. What the two names stand for, only %s says.", b.Vote.Choice, b.Vote.Poll, b.Vote.RP), nil
	case b.Grant != nil:
		g := b.Grant
		can := make([]string, len(g.Can))
		for n, action := range g.Can {
			can[n] = fmt.Sprintf("%q", action)
		}
		return fmt.Sprintf("It lets %q act for you at %s without asking you again: %s, %d times in all, until %s. The agent's key begins with %s.",
			g.Name, g.RP, strings.Join(can, ", "), g.Budget, time.Unix(int64(g.Expires), 0).UTC().Format("2006-01-02 15:04 UTC"), // #nosec G115 -- ReadGrant bounds it
			base64.RawURLEncoding.EncodeToString(g.Agent[:])[:16]), nil
	}
	return opaque(kind, content, digest), nil
}

func opaque(kind string, content []byte, digest scope.Digest) string {
	return fmt.Sprintf("It is bound to these %d bytes (%s), digest %s.", len(content), kind, scope.EncodeToken(digest[:])[:10])
}
