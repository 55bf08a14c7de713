package party

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// What a party has on its disk of one template, split again and again, is as
// uniform, byte by byte, as what it has of another: the file says nothing
// about either.
func TestFileIsUniform(t *testing.T) {
	people := map[string]func(p *synth.Person, capture uint64) match.Template{
		Face: func(p *synth.Person, capture uint64) match.Template { return match.FromFace(p.SampleFace(capture)) },
		Iris: func(p *synth.Person, capture uint64) match.Template { return match.FromIris(p.Sample(capture)) },
	}
	captures := map[string]int{Face: 3000, Iris: 30}
	if testing.Short() { // under the race detector
		captures = map[string]int{Face: 300, Iris: 3}
	}
	crowd := synth.New(3)
	for compare, template := range people {
		g := Group{Compare: compare}
		m, err := g.Modality()
		if err != nil {
			t.Fatal(err)
		}
		for party := range 3 {
			var seen [2][256]float64
			for who := range seen {
				path := filepath.Join(t.TempDir(), "shares")
				s, err := CreateShares(path, party, m, mpc.Epoch{})
				if err != nil {
					t.Fatal(err)
				}
				same := template(crowd.Person(uint64(who)), 0)
				for place := range captures[compare] {
					parts, err := g.Split(rand.Reader, same)
					if err != nil {
						t.Fatal(err)
					}
					words, err := m.Parse(party, parts[party]...)
					if err != nil {
						t.Fatal(err)
					}
					if err := s.Write(place, words, true); err != nil {
						t.Fatal(err)
					}
				}
				file, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				for place := range captures[compare] {
					for _, b := range file[s.offset(place):][:2*m.Words()] {
						seen[who][b]++
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			// 255 degrees of freedom: 255 on the average, 22.6 the deviation.
			n := float64(captures[compare] * 2 * m.Words())
			var uniform [2]float64
			alike := 0.0
			for b := range 256 {
				for who := range seen {
					d := seen[who][b] - n/256
					uniform[who] += d * d / (n / 256)
				}
				d := seen[0][b] - seen[1][b]
				alike += d * d / (seen[0][b] + seen[1][b])
			}
			for _, x := range []float64{uniform[0], uniform[1], alike} {
				if x > 255+7*22.6 || x < 255-7*22.6 {
					t.Errorf("%s, party %d: chi-square %.0f and %.0f, between two people %.0f", compare, party, uniform[0], uniform[1], alike)
				}
			}
			t.Logf("%s, party %d: chi-square %.0f and %.0f, between two people %.0f", compare, party, uniform[0], uniform[1], alike)
		}
	}
}
