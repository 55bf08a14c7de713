package humantest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// Crowd is how many people of no interest are in a kit's set, to hide among.
const Crowd = 256

// issuer is the public side of an issuer: a set, its log, and heads signed at
// the kit's time. It is an http.RoundTripper for Gates and a wallet.Source for
// the people.
type issuer struct {
	now func() time.Time

	mu   sync.Mutex
	log  *setlogtest.Issuer
	down bool
	old  *semaphore.Group // the first set, superseded for longer than any window
}

func newIssuer(t testing.TB, name string, now func() time.Time) *issuer {
	t.Helper()
	i := &issuer{now: now, log: setlogtest.New(t, name)}
	var crowd []semaphore.Element
	for n := range Crowd {
		crowd = append(crowd, setlogtest.Commitment(fmt.Sprint("humantest crowd ", n)))
	}
	long := now().Add(-3 * time.Hour)
	crowd = append(crowd, identity(stranger).Commitment())
	i.log.AnchorMembers(uint64(long.Add(-time.Hour).Unix()), crowd)
	i.log.AnchorMembers(uint64(long.Unix()), []semaphore.Element{setlogtest.Commitment("humantest newcomer")})
	var err error
	if i.old, err = semaphore.NewGroup(crowd...); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *issuer) setDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// enrol publishes a batch of one.
func (i *issuer) enrol(commitment semaphore.Element) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.log.AnchorMembers(uint64(i.now().Unix()), []semaphore.Element{commitment})
}

// remove publishes an urgent removal: no older root counts any more. It is
// false if there is no such member.
func (i *issuer) remove(commitment semaphore.Element) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	position := i.log.Group.IndexOf(commitment)
	if position < 0 {
		return false
	}
	i.log.AnchorMembers(uint64(i.now().Unix()), nil, position)
	i.log.MinValid = i.log.Seq
	return true
}

// path proves a commitment in the newest set, or in the superseded one.
func (i *issuer) path(commitment semaphore.Element, superseded bool) (semaphore.MerkleProof, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	group := i.log.Group
	if superseded {
		group = i.old
	}
	position := group.IndexOf(commitment)
	if position < 0 {
		return semaphore.MerkleProof{}, semaphore.ErrNotMember
	}
	return group.Proof(position)
}

// read gives a public file.
func (i *issuer) read(path string) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.down:
		return nil, fmt.Errorf("the issuer is down")
	case path == "head":
		return i.log.Head(uint64(i.now().Unix())), nil
	case path == "checkpoint":
		return i.log.Checkpoints[int64(len(i.log.Entries))], nil
	}
	if rest, ok := strings.CutPrefix(path, "set/"); ok {
		return i.setFile(rest)
	}
	return i.log.Fetch(path)
}

// setFile gives all leaves of the newest set. Wallets of a set this small ask
// for nothing else.
func (i *issuer) setFile(path string) ([]byte, error) {
	seq, file, _ := strings.Cut(path, "/")
	if n, err := strconv.ParseUint(seq, 10, 64); err != nil || n != i.log.Seq || file != "leaves" {
		return nil, setlogtest.ErrNotFound
	}
	var out bytes.Buffer
	for _, leaf := range i.log.Group.Level(0) {
		out.Write(leaf[:])
	}
	return out.Bytes(), nil
}

// info is the issuer's metadata.
func (i *issuer) info() ([]byte, error) {
	return json.Marshal(api.IssuerInfo{
		Name: i.log.Name, VKey: i.log.VKey, Depth: 20, AnchorPeriod: 1, Window: 3600,
		Evidence: []string{"virtual"}, Matcher: "none", MatcherNote: "virtual people of a test kit",
		ErrorRates: []api.ErrorRate{}, Bound: 1, Witnesses: []string{},
	})
}

// RoundTrip implements http.RoundTripper for the issuer's address.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	host, prefix, _ := strings.Cut(i.log.Name, "/")
	if r.URL.Host != host {
		return nil, fmt.Errorf("humantest: no network: %s", r.URL.Host)
	}
	var body []byte
	var err error
	if r.URL.Path == "/.well-known/perhuman-issuer.json" {
		body, err = i.info()
	} else {
		body, err = i.read(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/"+prefix), "/"))
	}
	res := &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Request: r,
	}
	if err != nil {
		res.StatusCode, res.Status, body = http.StatusNotFound, "404 Not Found", []byte(err.Error())
	}
	res.ContentLength = int64(len(body))
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// Head, File, Leaves and SetTile make it a wallet.Source.
func (i *issuer) Head(context.Context) ([]byte, error) { return i.read("head") }

func (i *issuer) File(_ context.Context, path string) ([]byte, error) { return i.read(path) }

func (i *issuer) Leaves(_ context.Context, seq uint64) ([]byte, error) {
	return i.read(fmt.Sprintf("set/%d/leaves", seq))
}

func (i *issuer) SetTile(context.Context, uint64, int, uint64) ([]byte, error) {
	return nil, setlogtest.ErrNotFound
}
