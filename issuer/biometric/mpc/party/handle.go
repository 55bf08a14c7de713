package party

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/share"
)

// handler answers control messages. Only the issuer gets this far.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for name, do := range map[string]func(context.Context, request) (answer, error){
		"status": s.status, "connect": s.doConnect, "begin": s.begin, "void": s.void, "check": s.check,
		"match": s.match, "find": s.find, "commit": s.commit, "free": s.free, "roll": s.roll,
		"refresh": s.refresh, "switch": s.switchTo, "settle": s.settle, "drop": s.drop, "back": s.back,
	} {
		mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			a, err := s.answer(w, r, do)
			status := http.StatusOK
			if err != nil {
				if a.Code, status = codeOf(err); a.Code == "internal" {
					s.Logf("party: %s: %v", name, err)
				}
				a = answer{Code: a.Code, Error: err.Error()}
			}
			s.Took(name, a.Code, time.Since(began))
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(a)
		})
	}
	return mux
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, do func(context.Context, request) (answer, error)) (answer, error) {
	digest, err := base64.RawURLEncoding.DecodeString(r.Header.Get(groupHeader))
	if err != nil || subtle.ConstantTimeCompare(digest, s.folder.group.digest[:]) != 1 {
		return answer{}, fmt.Errorf("%w: the issuer has another group file than party %d", ErrGroup, s.folder.number)
	}
	var q request
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return answer{}, fmt.Errorf("%w: %w", mpc.ErrConfig, err)
	}
	return do(r.Context(), q)
}

func (s *Server) status(context.Context, request) (answer, error) {
	is, err := s.Status()
	if err != nil {
		return answer{}, err
	}
	return answer{Status: &is}, nil
}

// Status is what the issuer is told of the party.
func (s *Server) Status() (Status, error) {
	f := s.folder
	_, e := f.now()
	if e.broken != nil {
		return Status{}, e.broken
	}
	places, digest := f.roll.Digest()
	is := Status{
		Party: f.number, Modality: f.group.modality.Name(),
		Places: places, Digest: digest[:], Next: f.mark.Next(), Pending: len(f.roll.Pending()),
	}
	is.in(e)
	return is, nil
}

func (s *Server) doConnect(ctx context.Context, q request) (a answer, err error) {
	if len(q.Session) != 16 {
		return a, fmt.Errorf("%w: name of a session", mpc.ErrConfig)
	}
	a.First, err = s.connect(ctx, [16]byte(q.Session))
	return a, err
}

// begin believes nobody but the device, and opens what is sealed to this party.
func (s *Server) begin(_ context.Context, q request) (answer, error) {
	serial, err := serialOf(q.Serial)
	if err != nil {
		return answer{}, err
	}
	words, nonce, err := s.open(q.Envelope)
	if err != nil {
		if captureError(err) {
			err = errors.Join(ErrCapture, err)
		}
		return answer{}, err
	}
	defer clear(words)
	return answer{}, s.folder.begin(serial, nonce, q.Place, words)
}

func (s *Server) open(raw []byte) (words []uint16, c mpc.Capture, err error) {
	e, err := capture.Parse(raw)
	if err != nil {
		return nil, c, err
	}
	g := s.folder.group
	if err := g.policy.Verify(e, capture.Expected{Nonce: e.Nonce, IdentityCommitment: e.IdentityCommitment, Now: s.Now()}); err != nil {
		return nil, c, err
	}
	var payloads [][]byte
	defer func() {
		for _, p := range payloads {
			clear(p)
		}
	}()
	for eye, sealed := range e.Shares[s.folder.number] {
		p, err := share.Open(s.folder.keys.Seal, share.Context{
			Audience: e.Audience, Nonce: e.Nonce, Device: e.DeviceID,
			Party: uint8(s.folder.number), Eye: uint8(eye), IdentityCommitment: e.IdentityCommitment, // #nosec G115 -- 0, 1 or 2
		}, sealed.Sealed, sealed.Commitment)
		if err != nil {
			return nil, c, err
		}
		payloads = append(payloads, p)
	}
	words, err = g.modality.Parse(s.folder.number, payloads...)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrCapture, err)
	}
	return words, e.Nonce, err
}

func (s *Server) void(_ context.Context, q request) (answer, error) {
	serial, err := serialOf(q.Serial)
	if err != nil {
		return answer{}, err
	}
	c, err := captureOf(q.Capture)
	if err != nil {
		return answer{}, err
	}
	return answer{}, s.folder.void(serial, c, q.Place, unix(s.Now()))
}

func (s *Server) check(ctx context.Context, q request) (a answer, err error) {
	serials, err := serialsOf(q.Serials)
	if err != nil {
		return a, err
	}
	p, done, err := s.folder.enter()
	if err != nil {
		return a, err
	}
	defer done()
	a.Bits, err = p.Check(ctx, q.Number, serials...)
	return a, err
}

func (s *Server) match(ctx context.Context, q request) (a answer, err error) {
	serials, err := serialsOf(q.Serials)
	if err != nil {
		return a, err
	}
	p, done, err := s.folder.enter()
	if err != nil {
		return a, err
	}
	defer done()
	a.Bits, err = p.Match(ctx, q.Number, serials...)
	return a, err
}

func (s *Server) find(ctx context.Context, q request) (a answer, err error) {
	serial, err := serialOf(q.Serial)
	if err != nil {
		return a, err
	}
	p, done, err := s.folder.enter()
	if err != nil {
		return a, err
	}
	defer done()
	a.Place, a.Known, err = p.Find(ctx, q.Number, serial)
	return a, err
}

func (s *Server) commit(_ context.Context, q request) (answer, error) {
	serial, err := serialOf(q.Serial)
	if err != nil {
		return answer{}, err
	}
	return answer{}, s.folder.commit(serial)
}

func (s *Server) free(_ context.Context, q request) (answer, error) {
	serial, err := serialOf(q.Serial)
	if err != nil {
		return answer{}, err
	}
	place, gone, err := s.folder.free(serial, unix(s.Now()))
	if err != nil {
		return answer{}, err
	}
	r := Receipt{Party: s.folder.number, Serial: serial, Place: place, At: gone}
	return answer{Receipt: r.sign(s.folder.keys.Receipt, s.folder.group.digest)}, nil
}

func (s *Server) roll(_ context.Context, q request) (a answer, err error) {
	for place := max(q.Place, 0); len(a.Entries) < maxEntries; place++ {
		serial, state, known := s.folder.roll.At(place)
		if !known {
			break
		}
		c := s.folder.roll.CaptureAt(place)
		a.Entries = append(a.Entries, entry{Serial: serial[:], Capture: c[:], State: state})
	}
	return a, nil
}

func (s *Server) refresh(ctx context.Context, q request) (a answer, err error) {
	e, err := s.folder.refresh(ctx, q.Number)
	if err != nil {
		return a, err
	}
	a.Epoch = epochMessage(e)
	s.Logf("party: the shares of epoch %d are kept", e.Number)
	return a, nil
}

func (s *Server) switchTo(_ context.Context, q request) (answer, error) {
	return s.turn(q, s.folder.switchTo, "switched to")
}

func (s *Server) settle(_ context.Context, q request) (answer, error) {
	return s.turn(q, s.folder.settle, "settled in")
}

func (s *Server) back(_ context.Context, q request) (answer, error) {
	return s.turn(q, s.folder.back, "went back from")
}

func (s *Server) turn(q request, do func(mpc.Epoch, uint64) error, what string) (answer, error) {
	e, err := q.Epoch.read()
	if err == nil {
		err = do(e, unix(s.Now()))
	}
	if err == nil {
		s.Logf("party: %s epoch %d", what, e.Number)
	}
	return answer{}, err
}

func (s *Server) drop(_ context.Context, q request) (answer, error) {
	return s.turn(q, s.folder.drop, "stays in")
}
