package party

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
	"github.com/perhuman/perhuman/issuer/biometric/share"
)

// What a group compares.
const (
	Iris      = "iris"       // both eyes, dot.Third
	IrisInner = "iris-inner" // both eyes, dot.Inner: nearest to .345 in 16 bits
	IrisExact = "iris-exact" // both eyes, .345 as iris-mpc computes it
	Face      = "face"
)

// maxGroup bounds a group file.
const maxGroup = 64 << 10

// Group is what three parties and their issuer agree on. It is public. Its JSON
// form, and nothing else, is the group file.
type Group struct {
	Version int       `json:"v"` // 1
	Issuer  string    `json:"issuer"`
	Compare string    `json:"compare"` // Iris, IrisInner, IrisExact or Face
	Front   string    `json:"front"`   // the issuer's link key
	Parties [3]Member `json:"parties"`
	// Roots vouch for capture devices: CLASS=KEY (capture.ParseRoot). Virtual says
	// that devices of class "virtual" are believed: for demonstrations and tests.
	Roots   []string `json:"roots"`
	Virtual bool     `json:"virtual,omitempty"`
}

// Member is one party of a group: host:port; its link key, an Ed25519 key in
// base64url; to what devices seal (share.PublicKey); what signs its receipts.
type Member struct {
	Address string `json:"address"`
	Link    string `json:"link"`
	Seal    string `json:"seal"`
	Receipt string `json:"receipt"`
}

// group is a Group whose texts are read.
type group struct {
	Group
	digest   [32]byte
	front    wire.Pin
	links    [3]wire.Pin
	seals    [3]share.PublicKey
	receipts [3]ed25519.PublicKey
	modality mpc.Modality
	policy   capture.Policy
}

// ParseGroup reads a group file. Unknown fields are refused.
func ParseGroup(b []byte) (Group, error) {
	var g Group
	if len(b) > maxGroup {
		return g, fmt.Errorf("%w: file is too long", ErrGroup)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		return g, fmt.Errorf("%w: %w", ErrGroup, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return g, fmt.Errorf("%w: something follows the object", ErrGroup)
	}
	_, err := g.read()
	return g, err
}

// Check says what is wrong with a group.
func (g Group) Check() error {
	_, err := g.read()
	return err
}

// Modality gives what the group compares.
func (g Group) Modality() (mpc.Modality, error) {
	switch g.Compare {
	case Iris:
		return mpc.Irises(dot.Shape{Columns: match.DefaultColumns}, dot.Third())
	case IrisInner:
		return mpc.Irises(dot.Shape{Columns: match.DefaultColumns}, dot.Inner())
	case IrisExact:
		return mpc.ExactIrises(match.DefaultColumns, iris.T, iris.T1)
	case Face:
		return mpc.Faces(), nil
	}
	return nil, fmt.Errorf("%w: compares %q", ErrGroup, g.Compare)
}

func (g Group) read() (*group, error) {
	out := &group{Group: g}
	if g.Version != 1 || g.Issuer == "" || len(g.Roots) == 0 {
		return nil, fmt.Errorf("%w: version, issuer or roots", ErrGroup)
	}
	var err error
	if out.modality, err = g.Modality(); err != nil {
		return nil, err
	}
	if out.front, err = parsePin(g.Front); err != nil {
		return nil, fmt.Errorf("%w: the issuer's link key", err)
	}
	seen := map[wire.Pin]bool{out.front: true}
	for i, m := range g.Parties {
		if _, port, err := net.SplitHostPort(m.Address); err != nil || port == "" {
			return nil, fmt.Errorf("%w: address of party %d", ErrGroup, i)
		}
		if out.links[i], err = parsePin(m.Link); err != nil {
			return nil, fmt.Errorf("%w: link key of party %d", err, i)
		}
		if seen[out.links[i]] {
			return nil, fmt.Errorf("%w: a link key stands twice: parties run by one hand protect nobody", ErrGroup)
		}
		seen[out.links[i]] = true
		if out.seals[i], err = share.ParsePublicKey(m.Seal); err != nil {
			return nil, fmt.Errorf("%w: seal key of party %d: %w", ErrGroup, i, err)
		}
		pin, err := parsePin(m.Receipt)
		if err != nil {
			return nil, fmt.Errorf("%w: receipt key of party %d", err, i)
		}
		out.receipts[i] = pin[:]
	}
	roots := make([]capture.Root, 0, len(g.Roots))
	for _, text := range g.Roots {
		root, err := capture.ParseRoot(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrGroup, err)
		}
		if root.Class == capture.ClassVirtual && !g.Virtual {
			return nil, fmt.Errorf("%w: a root of virtual devices in a group that is not virtual", ErrGroup)
		}
		roots = append(roots, root)
	}
	out.policy = g.captures(roots)
	canonical, err := json.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGroup, err)
	}
	h := sha256.New()
	h.Write([]byte("perhuman/party-group/1"))
	h.Write(canonical)
	out.digest = [32]byte(h.Sum(nil))
	return out, nil
}

// captures is what the parties demand of an envelope. Gates of quality are the
// issuer's to set, and those of the template itself are in the input checks.
func (g Group) captures(roots []capture.Root) capture.Policy {
	gates := capture.Gates{MaxOcclusion: 1000, MaxGaze: 1000}
	modality := capture.Iris
	switch g.Compare {
	case Face:
		modality = capture.Face
		gates.Templates = []capture.Template{{Algorithm: capture.AlgFace128, Version: 1}}
	default:
		gates.Templates = []capture.Template{{Algorithm: capture.AlgIris200, Version: 1}}
	}
	return capture.Policy{
		Audience: g.Issuer, Roots: roots, Virtual: g.Virtual, MaxAge: capture.MaxAge, Skew: time.Minute, Parties: 3,
		Accept: map[capture.Modality]capture.Gates{modality: gates},
	}
}

// Seals gives to what devices seal, in party order.
func (g Group) Seals() (keys [3]share.PublicKey, err error) {
	r, err := g.read()
	if err != nil {
		return keys, err
	}
	return r.seals, nil
}

// Digest names the group: SHA-256 over a domain and its one JSON encoding.
func (g Group) Digest() ([32]byte, error) {
	r, err := g.read()
	if err != nil {
		return [32]byte{}, err
	}
	return r.digest, nil
}

// Pin is the key that the party proves to hold when somebody connects.
func (m Member) Pin() (wire.Pin, error) { return parsePin(m.Link) }

func parsePin(text string) (p wire.Pin, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(p) {
		return p, ErrGroup
	}
	return wire.Pin(b), nil
}
