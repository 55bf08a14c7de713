package prove

// multiples makes the table of a plan: level j holds the points times
// 2^(width*j). newDouble gives each worker a function that doubles up to batch
// points in place.
func multiples[P any](p plan, points []P, newDouble func() func([]P), workers int) []P {
	if p.levels == 1 {
		return points
	}
	table := make([]P, p.n*p.levels)
	copy(table, points)
	parallel(workers, (p.n+batch-1)/batch, func(i int) {
		first, end := i*batch, min((i+1)*batch, p.n)
		double := newDouble()
		for j := 1; j < p.levels; j++ {
			level := table[j*p.n+first : j*p.n+end]
			copy(level, table[(j-1)*p.n+first:(j-1)*p.n+end])
			for range p.width {
				double(level)
			}
		}
	})
	return table
}
