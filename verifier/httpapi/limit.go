package httpapi

import "github.com/perhuman/perhuman/sdk/serve"

// Limits bound who asks how often. The zero value bounds nothing.
type Limits struct {
	PerKey     Rate // proofs, bundles and challenges by one app key; a batch counts its items
	Challenges Rate // challenges that browsers ask for, by origin and network
}

// Rate is a token bucket: so many a second on average, so many at once.
type Rate = serve.Rate
