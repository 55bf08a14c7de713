package mpc

import "errors"

// Refusals of this package. Those of package wire pass through, wrapped.
var (
	// ErrConfig: a party, connection or number that cannot be.
	ErrConfig = errors.New("mpc: configuration")
	// ErrBroken: an earlier error ended the session. Open a new one.
	ErrBroken = errors.New("mpc: session is broken")
	// ErrReplayed: a query number that was used, or may have been before a
	// crash: its masks would be used twice.
	ErrReplayed = errors.New("mpc: query number was used before")
	// ErrMark: the file of the used numbers is missing, damaged or in use.
	ErrMark = errors.New("mpc: mark of used numbers")
	// ErrShape: lengths that do not fit, or a shape that is not supported.
	ErrShape = errors.New("mpc: shape")
	// ErrSerial: a serial that is unknown, taken, or not in the state for this.
	ErrSerial = errors.New("mpc: serial")
	// ErrEpoch: shares that were refreshed: those of the new epoch have to be read.
	ErrEpoch = errors.New("mpc: shares of an earlier epoch")
	// ErrAudit: a planted person got the wrong answer: a party computes wrong.
	ErrAudit = errors.New("mpc: audit failed")
	// ErrRoll: a roll that is damaged.
	ErrRoll = errors.New("mpc: roll is damaged")
)
