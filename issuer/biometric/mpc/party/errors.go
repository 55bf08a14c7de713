package party

import (
	"errors"
	"net/http"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/share"
)

// Refusals of this package. Those of package mpc pass through, also from a party
// to its client.
var (
	// ErrGroup: a group file that cannot be, or another than the party's.
	ErrGroup = errors.New("party: group")
	// ErrFolder: a folder that is missing something, damaged or not this group's.
	ErrFolder = errors.New("party: folder")
	// ErrLocked: another process has the folder open.
	ErrLocked = errors.New("party: folder is in use")
	// ErrShares: a share file that is damaged.
	ErrShares = errors.New("party: shares are damaged")
	// ErrPlace: the party's roll is not as long as the caller thinks.
	ErrPlace = errors.New("party: place on the roll")
	// ErrCapture: an envelope that the party does not believe or cannot open.
	ErrCapture = errors.New("party: capture")
	// ErrUnavailable: the party cannot be reached, or is not connected to the
	// others. Try again later.
	ErrUnavailable = errors.New("party: unavailable")
	// ErrReceipt: bytes that are no receipt of this party.
	ErrReceipt = errors.New("party: receipt")
)

// coded is the table between errors and what goes over the wire.
func coded() []struct {
	code   string
	status int
	err    error
} {
	return []struct {
		code   string
		status int
		err    error
	}{
		{"group", http.StatusConflict, ErrGroup},
		{"place", http.StatusConflict, ErrPlace},
		{"capture", http.StatusUnprocessableEntity, ErrCapture},
		{"serial", http.StatusConflict, mpc.ErrSerial},
		{"replayed", http.StatusConflict, mpc.ErrReplayed},
		{"epoch", http.StatusConflict, mpc.ErrEpoch},
		{"audit", http.StatusServiceUnavailable, mpc.ErrAudit},
		{"broken", http.StatusServiceUnavailable, mpc.ErrBroken},
		{"config", http.StatusBadRequest, mpc.ErrConfig},
		{"shape", http.StatusBadRequest, mpc.ErrShape},
		{"unavailable", http.StatusServiceUnavailable, ErrUnavailable},
	}
}

// codeOf gives the code of an error; "internal" if it has none.
func codeOf(err error) (code string, status int) {
	for _, c := range coded() {
		if errors.Is(err, c.err) {
			return c.code, c.status
		}
	}
	return "internal", http.StatusInternalServerError
}

// refusal is what a client makes of a code.
func refusal(code string) error {
	for _, c := range coded() {
		if c.code == code {
			return c.err
		}
	}
	return ErrUnavailable
}

// captureError says what is wrong with an envelope, whatever package says it.
func captureError(err error) bool {
	for _, e := range []error{capture.ErrMalformed, capture.ErrUntrusted, capture.ErrReplayed, capture.ErrRevoked, capture.ErrQuality, share.ErrOpen, share.ErrContext, mpc.ErrShape} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
