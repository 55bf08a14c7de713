package api

import (
	"errors"
	"fmt"
	"time"
)

// Error is an error that knows its wire code. Detail is shown to clients: it
// must hold nothing secret. Err is for the log of the server and is not shown.
type Error struct {
	Code       Code
	Detail     string
	RetryAfter time.Duration
	Err        error
}

// Errorf makes an Error with a detail for the client.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Wrap gives err a wire code and keeps it out of the answer.
func Wrap(code Code, err error) *Error { return &Error{Code: code, Err: err} }

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf finds the wire code of an error; anything unknown is internal_error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Problem is the body of application/problem+json (RFC 9457).
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Code      Code   `json:"code"`
	Retryable bool   `json:"retryable"`
	RequestID string `json:"request_id,omitempty"`
}

// ProblemOf is the public face of an error: its code's title and the detail
// meant for clients, never the cause.
func ProblemOf(err error, requestID string) Problem {
	code, detail := Internal, ""
	var e *Error
	if errors.As(err, &e) {
		code, detail = e.Code, e.Detail
	}
	info := code.Info()
	status := info.Status
	if status < 400 { // a verdict that reached this place is a refusal of the request
		status = 422
	}
	return Problem{
		Type: "about:blank", Title: info.Title, Status: status, Detail: detail,
		Code: code, Retryable: code.Retryable(), RequestID: requestID,
	}
}
