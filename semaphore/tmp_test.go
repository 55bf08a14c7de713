package semaphore

import "encoding/json"

type (
	proofVector struct {
		Proof json.RawMessage `json:"proof"`
	}
	defaultDepthVector = json.RawMessage
	tamperedVector     = json.RawMessage
	nonObjectVector    = json.RawMessage
)
