package semaphore

import "encoding/json"

type (
	groupVector        = json.RawMessage
	sequenceVector     = json.RawMessage
	zeroRebuildVector  = json.RawMessage
	groupErrorVector   = json.RawMessage
	merkleVector       = json.RawMessage
	proofVector        = json.RawMessage
	defaultDepthVector = json.RawMessage
	tamperedVector     = json.RawMessage
	nonObjectVector    = json.RawMessage
)
