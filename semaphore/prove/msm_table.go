package prove

import "reflect"

// withTable makes the table in jobs of a batch of points each. Level j holds
// the points times 2^(width*j).
func (m *multiexp[P, J]) withTable(levels int) (multiplier[J], []func()) {
	p := newPlan(m.n, levels)
	if p.levels == 1 || m.group.double == nil {
		return m, nil
	}
	table := make([]P, p.n*p.levels)
	copy(table, m.points)
	var jobs []func()
	for first := 0; first < p.n; first += batch {
		end := min(first+batch, p.n)
		jobs = append(jobs, func() {
			double := m.group.double()
			for j := 1; j < p.levels; j++ {
				level := table[j*p.n+first : j*p.n+end]
				copy(level, table[(j-1)*p.n+first:(j-1)*p.n+end])
				for range p.width {
					double(level)
				}
			}
		})
	}
	return &multiexp[P, J]{plan: p, points: table, group: m.group}, jobs
}

func (m *multiexp[P, J]) bytes() int {
	return len(m.points) * int(reflect.TypeFor[P]().Size())
}
