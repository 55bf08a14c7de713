package report

import "math"

// Bins is the number of bins of a histogram, each .01 wide from 0 on; what lies
// beyond is in the last.
const Bins = 70

// Distances sums up a set of fractional Hamming distances.
type Distances struct {
	Count     int       `json:"count"`
	Mean      float64   `json:"mean"`
	Deviation float64   `json:"deviation"`
	Least     float64   `json:"least"`
	Most      float64   `json:"most"`
	Histogram [Bins]int `json:"histogram"`
}

func distances(x []float64) Distances {
	d := Distances{Count: len(x)}
	if len(x) == 0 {
		return d
	}
	d.Least = math.Inf(1)
	for _, v := range x {
		d.Mean += v / float64(len(x))
		d.Least, d.Most = min(d.Least, v), max(d.Most, v)
		d.Histogram[min(int(v*100), Bins-1)]++
	}
	if len(x) > 1 {
		for _, v := range x {
			d.Deviation += (v - d.Mean) * (v - d.Mean) / float64(len(x)-1)
		}
		d.Deviation = math.Sqrt(d.Deviation)
	}
	return d
}

// Rate is a share of trials.
type Rate struct {
	Hits int `json:"hits"`
	Of   int `json:"of"`
}

func (r *Rate) add(hit bool) {
	r.Of++
	if hit {
		r.Hits++
	}
}

// Value gives the share, 0 of no trials.
func (r Rate) Value() float64 {
	if r.Of == 0 {
		return 0
	}
	return float64(r.Hits) / float64(r.Of)
}

// Interval gives Wilson's 95 % interval, 0 to 1 for no trials.
func (r Rate) Interval() (low, high float64) {
	if r.Of == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(r.Of), r.Value()
	center := (p + z*z/2/n) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/4/n/n)
	low, high = center-half, center+half
	// Rounding must not exclude what was seen.
	if r.Hits == 0 {
		low = 0
	}
	if r.Hits == r.Of {
		high = 1
	}
	return low, high
}
