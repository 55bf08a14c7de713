package memory_test

import (
	"testing"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Store{Open: func(testing.TB) verifier.Store { return memory.New() }})
}
