//go:build amd64 && !purego

package prove

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/perhuman/perhuman/semaphore/prove/internal/ifma"
)

// lanesCoset is the coset over package ifma.
type lanesCoset struct {
	tables *ifma.Coset
	pool   sync.Pool // *[3][]ifma.Block, wiped
}

func newLanesCoset(domain int) (*lanesCoset, error) {
	g, err := shift(domain)
	if err != nil {
		return nil, err
	}
	var root fr.Element
	root.Square(&g)
	return &lanesCoset{tables: ifma.NewCoset(domain, &root, &g)}, nil
}

func (c *lanesCoset) bytes() int { return c.tables.Bytes() }

func (c *lanesCoset) quotient(a, b []fr.Element, workers int) {
	v, ok := c.pool.Get().(*[3][]ifma.Block)
	if !ok {
		v = new([3][]ifma.Block)
		for i := range v {
			v[i] = make([]ifma.Block, c.tables.Blocks())
		}
	}
	defer func() {
		for i := range v {
			clear(v[i])
		}
		c.pool.Put(v)
	}()
	c.tables.Load(v[0], a)
	c.tables.Load(v[1], b)
	product := fr.Vector(b)
	product.Mul(a, b)
	c.tables.Load(v[2], b)
	parallel(workers, len(v), func(i int) { c.tables.Extend(v[i]) })
	c.tables.Combine(a, v[0], v[1], v[2])
}
