package party

import (
	"errors"
	"os"
)

// is says whether an error is one, or none is.
func is(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}

func errorsOf(in Inspection, err error) error { return errors.Join(append(in.Faults, err)...) }

// appendTo puts bytes at a file's end.
func appendTo(path string, n int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, n))
	return errors.Join(err, f.Close())
}
