package httpsource

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Recover hands a recovery in: Request with a possession of wallet.ToRecover.
func (c *Client) Recover(ctx context.Context, r api.EnrolmentRequest) (out api.Recovery, err error) {
	return out, c.do(ctx, http.MethodPost, "/v1/recoveries", r, &out)
}

// Recovery asks how a recovery is getting on, by its id or by the number of its
// announcement in the log.
func (c *Client) Recovery(ctx context.Context, id string) (out api.Recovery, err error) {
	return out, c.do(ctx, http.MethodGet, "/v1/recoveries/"+url.PathEscape(id), nil, &out)
}

// Veto ends an announced recovery of this identity's membership. The answer
// holds a signed receipt.
func (c *Client) Veto(ctx context.Context, id *semaphore.Identity, announcement uint64) (out api.Recovery, err error) {
	p, err := wallet.Veto(id, c.issuer, announcement)
	if err != nil {
		return out, err
	}
	path := "/v1/recoveries/" + strconv.FormatUint(announcement, 10) + "/veto"
	return out, c.do(ctx, http.MethodPost, path, api.VetoRequest{PublicKey: publicKey(p), Signature: scope.EncodeToken(p.Signature)}, &out)
}

// Delete has the issuer remove this identity from the set, at once, and destroy
// the template after its delay. The answer holds a signed receipt.
func (c *Client) Delete(ctx context.Context, id *semaphore.Identity) (out api.Deletion, err error) {
	s, err := c.Session(ctx)
	if err != nil {
		return out, err
	}
	p, err := wallet.ToLeave.Possess(id, nil, c.issuer, s.Nonce)
	if err != nil {
		return out, err
	}
	r := api.DeletionRequest{Session: s.Session.Nonce, PublicKey: publicKey(p), Signature: scope.EncodeToken(p.Signature)}
	return out, c.do(ctx, http.MethodPost, "/v1/deletions", r, &out)
}

// Deletion asks how far a deletion is.
func (c *Client) Deletion(ctx context.Context, id string) (out api.Deletion, err error) {
	return out, c.do(ctx, http.MethodGet, "/v1/deletions/"+url.PathEscape(id), nil, &out)
}

func publicKey(p wallet.Possession) [2]string {
	return [2]string{p.PublicKey.X.String(), p.PublicKey.Y.String()}
}
