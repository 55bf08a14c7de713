package verifier

import "time"

// Event is something that others must be told of: a webhook. It is written in
// the same transaction as the act that it is about.
type Event struct {
	ID       string
	Body     []byte
	Created  time.Time
	Attempts int       // deliveries that were tried
	Next     time.Time // when the next one is due
}
