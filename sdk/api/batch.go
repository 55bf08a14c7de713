package api

// BatchRequest hands in many proofs: POST /v1/verify/batch.
type BatchRequest struct {
	Items []BatchItem `json:"items"`
}

// BatchItem is one of them. Its idempotency key stands in place of the header.
type BatchItem struct {
	VerifyRequest
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// BatchResponse has one result an item, in their order.
type BatchResponse struct {
	Results []BatchResult `json:"results"`
}

// BatchResult has one of the two: what was decided, or why nothing was.
type BatchResult struct {
	Verdict *Verdict `json:"verdict,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// SiteverifyResponse is the answer of POST /siteverify, in the words of
// Turnstile, hCaptcha and reCAPTCHA. Score is reCAPTCHA's and only under its
// path. Perhuman is what we add: the whole verdict, if there is one.
type SiteverifyResponse struct {
	Success     bool     `json:"success"`
	ChallengeTS string   `json:"challenge_ts,omitempty"` // RFC 3339, UTC
	Hostname    string   `json:"hostname,omitempty"`
	Action      string   `json:"action,omitempty"`
	CData       *string  `json:"cdata,omitempty"`
	Score       *float64 `json:"score,omitempty"`
	ErrorCodes  []string `json:"error-codes"`
	Perhuman    *Verdict `json:"perhuman,omitempty"`
}
