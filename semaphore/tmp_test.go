package semaphore

import "encoding/json"

type (
	proofVector        = json.RawMessage
	defaultDepthVector = json.RawMessage
	tamperedVector     = json.RawMessage
	nonObjectVector    = json.RawMessage
)
