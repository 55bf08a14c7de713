package verifier

import (
	"fmt"
	"time"
)

// Event is something that others are to be told, kept until they were told.
type Event struct {
	ID       string // chosen by whoever makes it, unique for ever
	Body     []byte // at most MaxEvent bytes
	Created  time.Time
	Attempts int       // how often it was claimed, the present claim included
	Next     time.Time // when it is due; zero = at once
}

// Due is Next, or Created if there is no Next.
func (e Event) Due() time.Time {
	if e.Next.IsZero() {
		return e.Created
	}
	return e.Next
}

// Check says why an event cannot be stored by anybody, as ErrUnavailable.
func (e Event) Check() error {
	if e.ID == "" || len(e.ID) > 255 || len(e.Body) > MaxEvent {
		return fmt.Errorf("%w: event with an id of %d and a body of %d bytes", ErrUnavailable, len(e.ID), len(e.Body))
	}
	return nil
}
