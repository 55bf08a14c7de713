package party

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// Client is one party as the issuer sees it. Every call blocks until the party
// has answered or ctx ends, and may be repeated after any error but where it says
// otherwise. It is safe for concurrent use.
type Client struct {
	number int
	group  *group
	web    *http.Client
}

// NewClient makes a client of one party of a group. key is the issuer's link key.
func NewClient(g Group, party int, key ed25519.PrivateKey) (*Client, error) {
	read, err := g.read()
	if err != nil {
		return nil, err
	}
	if party < 0 || party > 2 || len(key) != ed25519.PrivateKeySize || wire.PinOf(key) != read.front {
		return nil, fmt.Errorf("%w: the key is not the issuer's", ErrGroup)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		tcp, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		shaking, cancel := context.WithTimeout(ctx, handshake)
		defer cancel()
		c, err := wire.Client(shaking, tcp, key, read.links[party])
		if err != nil {
			return nil, err
		}
		return plainConn{c}, nil
	}
	return &Client{number: party, group: read, web: &http.Client{Transport: &http.Transport{
		DialContext: dial, MaxIdleConns: 8, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}}, nil
}

// Close closes connections that nothing uses.
func (c *Client) Close() { c.web.CloseIdleConnections() }

// Number is which of the three it is.
func (c *Client) Number() int { return c.number }

func (c *Client) call(ctx context.Context, name string, q request) (a answer, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return a, fmt.Errorf("party: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.group.Parties[c.number].Address+"/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return a, fmt.Errorf("party: %w", err)
	}
	r.Header.Set(groupHeader, base64.RawURLEncoding.EncodeToString(c.group.digest[:]))
	r.Header.Set("Content-Type", "application/json")
	// Every call may be repeated, so a connection that had died is no error.
	r.Header["Idempotency-Key"] = nil
	response, err := c.web.Do(r)
	if err != nil {
		return a, c.failed(name, err)
	}
	defer func() { _ = response.Body.Close() }()
	d := json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxControl))
	if err := d.Decode(&a); err != nil {
		return answer{}, c.failed(name, err)
	}
	if response.StatusCode != http.StatusOK || a.Code != "" {
		return answer{}, fmt.Errorf("party %d: %s: %w: %s", c.number, name, refusal(a.Code), a.Error)
	}
	return a, nil
}

func (c *Client) failed(name string, err error) error {
	return errors.Join(fmt.Errorf("party %d: %s: %w", c.number, name, ErrUnavailable), err)
}

// Status tells how the party is. A party with another group answers ErrGroup.
func (c *Client) Status(ctx context.Context) (Status, error) {
	a, err := c.call(ctx, "status", request{})
	if err == nil && (a.Status == nil || a.Status.Party != c.number || len(a.Status.Digest) != 32 || !named(a.Status)) {
		err = c.failed("status", errors.New("not a status of this party"))
	}
	if err != nil {
		return Status{}, err
	}
	return *a.Status, nil
}

func named(s *Status) bool {
	optional := func(b []byte) bool { return len(b) == 0 || len(b) == 16 }
	return len(s.Name) == 16 && optional(s.Kept) && optional(s.Older)
}

// Connect has the party open a new session with the other two, in place of the
// one it had. All three are called at once with the same name, which is drawn for
// this. The number is the first that none of the three has used.
func (c *Client) Connect(ctx context.Context, session [16]byte) (first uint64, err error) {
	a, err := c.call(ctx, "connect", request{Session: session[:]})
	return a.First, err
}

// Begin makes a person pending, at the place that all three have as their next
// one, or again at its own. The envelope is as the device signed it. When it
// returns, the party has its shares on the disk.
func (c *Client) Begin(ctx context.Context, s mpc.Serial, place int, envelope []byte) error {
	_, err := c.call(ctx, "begin", request{Serial: s[:], Place: place, Envelope: envelope})
	return err
}

// Void fills a place that another party gave to a serial whose capture did not
// come here: it is gone.
func (c *Client) Void(ctx context.Context, s mpc.Serial, capture mpc.Capture, place int) error {
	_, err := c.call(ctx, "void", request{Serial: s[:], Capture: capture[:], Place: place})
	return err
}

// Check runs the input checks for pending serials, up to 64. The number is used
// once: another one for each try.
func (c *Client) Check(ctx context.Context, number uint64, serials ...mpc.Serial) (valid []bool, err error) {
	return c.bits(ctx, "check", number, serials)
}

// Match tells which of the pending serials, up to 64, are people already known.
// The number is used once: another one for each try.
func (c *Client) Match(ctx context.Context, number uint64, serials ...mpc.Serial) (known []bool, err error) {
	return c.bits(ctx, "match", number, serials)
}

func (c *Client) bits(ctx context.Context, name string, number uint64, serials []mpc.Serial) ([]bool, error) {
	q := request{Number: number}
	for _, s := range serials {
		q.Serials = append(q.Serials, s[:])
	}
	a, err := c.call(ctx, name, q)
	if err == nil && len(a.Bits) != len(serials) {
		err = c.failed(name, errors.New("another number of answers"))
	}
	if err != nil {
		return nil, err
	}
	return a.Bits, nil
}

// Find is Match of one serial that also gives the lowest place that matches. The
// number is used once: another one for each try.
func (c *Client) Find(ctx context.Context, number uint64, s mpc.Serial) (place int, known bool, err error) {
	a, err := c.call(ctx, "find", request{Number: number, Serial: s[:]})
	return a.Place, a.Known, err
}

// Commit makes a pending serial a member.
func (c *Client) Commit(ctx context.Context, s mpc.Serial) error {
	_, err := c.call(ctx, "commit", request{Serial: s[:]})
	return err
}

// Free ends a serial, pending or member: its shares are overwritten. The receipt
// (CheckReceipt) is the same each time.
func (c *Client) Free(ctx context.Context, s mpc.Serial) (receipt []byte, err error) {
	a, err := c.call(ctx, "free", request{Serial: s[:]})
	if err != nil {
		return nil, err
	}
	r, err := CheckReceipt(a.Receipt, c.group.Group)
	if err != nil || r.Party != c.number || r.Serial != s {
		return nil, c.failed("free", errors.Join(err, errors.New("not a receipt of this")))
	}
	return a.Receipt, nil
}

// Roll gives places of the party's roll from one on, at most 4,096; none when
// there are no more.
func (c *Client) Roll(ctx context.Context, from int) ([]Entry, error) {
	a, err := c.call(ctx, "roll", request{Place: from})
	if err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(a.Entries))
	for _, e := range a.Entries {
		s, err := serialOf(e.Serial)
		if err != nil {
			return nil, c.failed("roll", err)
		}
		capture, err := captureOf(e.Capture)
		if err != nil {
			return nil, c.failed("roll", err)
		}
		out = append(out, Entry{Serial: s, Capture: capture, State: e.State})
	}
	return out, nil
}

// Refresh has the party make the shares of the next epoch, with the other two. All
// three are called at once with the same number, which is used once. It blocks
// while they write: seconds for each 10,000 people. If all three return the same
// epoch, all three have kept it. From the call on the party refuses to compute
// and to begin, with mpc.ErrEpoch, until it is settled again.
func (c *Client) Refresh(ctx context.Context, number uint64) (mpc.Epoch, error) {
	a, err := c.call(ctx, "refresh", request{Number: number})
	if err != nil {
		return mpc.Epoch{}, err
	}
	e, err := a.Epoch.read()
	if err != nil {
		return e, c.failed("refresh", err)
	}
	return e, nil
}

// Switch has the party use an epoch that it has kept, beside the older one. Only
// when all three have kept it.
func (c *Client) Switch(ctx context.Context, to mpc.Epoch) error {
	_, err := c.call(ctx, "switch", request{Epoch: epochMessage(to)})
	return err
}

// Settle has the party remove the shares before an epoch that it has switched to.
// Only when all three have switched.
func (c *Client) Settle(ctx context.Context, in mpc.Epoch) error {
	_, err := c.call(ctx, "settle", request{Epoch: epochMessage(in)})
	return err
}

// Drop ends a refresh that runs, and has the party forget shares that it has kept
// and not switched to: it stays in the epoch in. It may be called at any time. If
// it returns no error the party is settled there, and goes to no epoch that anybody
// has kept so far.
func (c *Client) Drop(ctx context.Context, in mpc.Epoch) error {
	_, err := c.call(ctx, "drop", request{Epoch: epochMessage(in)})
	return err
}

// Back has the party forget an epoch that it has switched to and not settled in.
// Only when another one has answered Drop since.
func (c *Client) Back(ctx context.Context, from mpc.Epoch) error {
	_, err := c.call(ctx, "back", request{Epoch: epochMessage(from)})
	return err
}
