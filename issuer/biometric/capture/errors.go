package capture

import "errors"

// The five ways an envelope is refused. Every error of Parse and Verify wraps
// exactly one of them; the text says what was wrong and never repeats data.
var (
	// ErrMalformed: not the one canonical encoding of an envelope or a
	// certificate, or a field outside its range.
	ErrMalformed = errors.New("capture: malformed")
	// ErrUntrusted: no chain to a pinned root, a bad signature, firmware or
	// modality not allowed, presentation attack detection not passed, or an
	// envelope made for somebody else.
	ErrUntrusted = errors.New("capture: untrusted")
	// ErrReplayed: another session's nonce, or an envelope past its time.
	ErrReplayed = errors.New("capture: replayed or out of time")
	// ErrQuality: the capture is below the quality gates; the person can try again.
	ErrQuality = errors.New("capture: quality too low")
	// ErrRevoked: the device, or an authority above it, has been revoked.
	ErrRevoked = errors.New("capture: device revoked")
)
