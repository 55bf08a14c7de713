//go:build !unix

package loadtest

import "errors"

func used() (Usage, error) {
	return Usage{}, errors.New("loadtest: processor time cannot be read on this system")
}
