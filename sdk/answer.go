package sdk

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// How an answer travels (protocol.md section 5).
const (
	ResponseHeader = "Perhuman-Response"
	ResponseField  = "perhuman-response"
)

// answer is a wallet's response as it came with a request.
type answer struct {
	proof     *semaphore.Proof
	and       []*semaphore.Proof
	challenge string
	content   scope.Digest
}

// ContentFunc says what a proof must be bound to, from what the server itself
// received: body is the whole body, and r.Body gives it too. An error refuses
// the request as malformed, unless it is an *api.Error.
type ContentFunc func(r *http.Request, body []byte) (scope.Digest, error)

// findResponse looks for the one response that a request carries, in its
// header or in its form, and gives what remains of the body without it.
func findResponse(r *http.Request, body []byte) (response string, rest []byte, err error) {
	found := r.Header.Values(ResponseHeader)
	rest = body
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil {
		var fields []string
		switch mediaType {
		case "application/x-www-form-urlencoded":
			fields, rest = cutField(body)
		case "multipart/form-data":
			if fields, err = partField(body, params["boundary"]); err != nil {
				return "", nil, err
			}
		}
		found = append(found[:len(found):len(found)], fields...)
	}
	switch {
	case len(found) > 1:
		return "", nil, api.Errorf(api.MalformedRequest, "more than one response")
	case len(found) == 0 || found[0] == "":
		return "", rest, api.Errorf(api.ChallengeMissing, "")
	}
	return found[0], rest, nil
}

// cutField takes perhuman-response out of a urlencoded form and leaves all
// other bytes as they are.
func cutField(body []byte) (values []string, rest []byte) {
	first := true
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		if n, err := url.QueryUnescape(string(name)); err == nil && n == ResponseField {
			v, err := url.QueryUnescape(string(value))
			if err != nil {
				v = string(value) // ParseResponse will refuse it
			}
			values = append(values, v)
			continue
		}
		if !first {
			rest = append(rest, '&')
		}
		first = false
		rest = append(rest, pair...)
	}
	return values, rest
}

// partField reads perhuman-response out of a multipart form.
func partField(body []byte, boundary string) (values []string, err error) {
	if boundary == "" {
		return nil, api.Errorf(api.MalformedRequest, "multipart form without a boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return values, nil
		}
		if err == nil && part.FormName() == ResponseField {
			var b []byte
			if b, err = io.ReadAll(io.LimitReader(part, verifier.MaxResponse+1)); err == nil {
				values = append(values, string(b))
			}
		}
		if err != nil {
			return nil, &api.Error{Code: api.MalformedRequest, Detail: "the multipart form cannot be read", Err: err}
		}
	}
}

// raw binds the exact body, or a urlencoded form without the response. The
// bytes of a multipart form are made by the browser and cannot be known when
// the person is asked.
func raw(r *http.Request, rest []byte) (scope.Digest, error) {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && mediaType == "multipart/form-data" &&
		len(r.Header.Values(ResponseHeader)) == 0 {
		return scope.Digest{}, api.Errorf(api.MalformedRequest, "a multipart form needs a content function of its own")
	}
	return scope.Content(scope.KindRaw, rest)
}
