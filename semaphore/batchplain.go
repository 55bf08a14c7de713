package semaphore

import "github.com/consensys/gnark-crypto/ecc/bn254"

// plainBatch works on one proof after the other, on any processor.
type plainBatch struct{}

// laterC is a C with its weight, multiplied when all of a depth are added up:
// they share the doublings.
type laterC struct {
	weight weight
	table  jointTable
}

// chunk is how many moving pairs share a Miller loop: more would leave the
// fastest cache and save little.
const chunk = 64

func (plainBatch) check(items []*batchItem, random func([]byte)) bool {
	return inSubgroup(len(items), func(i int) *bn254.G2Affine { return &items[i].b }, random)
}

func (plainBatch) weigh(items []*batchItem, random func([]byte)) {
	points := make([]bn254.G1Affine, 0, 2*len(items))
	for _, it := range items {
		points = append(points, it.a, it.c)
	}
	tables := newJointTables(points)
	scaled := make([]bn254.G1Jac, len(items))
	for i, words := range randomWords(len(items), random) {
		it := items[i]
		w := newWeight(words[0], words[1])
		it.weight = w.scalar()
		it.later = laterC{w, tables[2*i+1]}
		scaled[i] = tables[2*i].times(&w)
	}
	for i, a := range bn254.BatchJacobianToAffineG1(scaled) {
		items[i].scaledA = a
	}
}

func (plainBatch) pair(items []*batchItem) (f bn254.E12, inG2 bool) {
	f.SetOne()
	inG2 = true
	for start := 0; start < len(items); start += chunk {
		part := items[start:min(start+chunk, len(items))]
		moving := make([]movingPair, 0, len(part))
		for _, it := range part {
			if !it.scaledA.IsInfinity() { // else a weight of 0
				moving = append(moving, newMovingPair(&it.scaledA, &it.b))
			}
		}
		g, ok := millerLoop(moving, nil)
		inG2 = inG2 && ok
		f.Mul(&f, &g)
	}
	return f, inG2
}

func (plainBatch) sum(items []*batchItem) bn254.G1Jac {
	tables, weights := make([]*jointTable, len(items)), make([]*weight, len(items))
	for i, it := range items {
		tables[i], weights[i] = &it.later.table, &it.later.weight
	}
	return combine(tables, weights)
}

func (plainBatch) prices() prices {
	return prices{exact: 7, single: 100, try: 96, refused: 3, tried: 33, halved: 26, patience: 155}
}
