package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// sign gives the webhook-signature header: one signature for each secret that
// is active now, newest first.
func sign(secrets []registry.Secret, id string, now time.Time, body []byte) (string, error) {
	var out []string
	for _, s := range secrets {
		if !s.Active(now) {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Value, registry.SecretPrefix))
		if err != nil || len(key) < 16 {
			return "", fmt.Errorf("webhook: a secret cannot be read")
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.", id, now.Unix())
		mac.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(out) == 0 {
		return "", fmt.Errorf("webhook: no secret is active")
	}
	return strings.Join(out, " "), nil
}
