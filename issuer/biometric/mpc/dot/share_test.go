package dot

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func split(t testing.TB, seed byte, shape Shape, e iris.Template) [galois.Parties]Share {
	t.Helper()
	out, err := Split(source(seed), shape, e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// opened gives the values that three shares hold.
func opened(t testing.TB, s [galois.Parties]Share) (code, mask []uint16) {
	t.Helper()
	for _, share := range s {
		c, m, err := share.Additive()
		if err != nil {
			t.Fatal(err)
		}
		if code == nil {
			code, mask = make([]uint16, len(c)), make([]uint16, len(m))
		}
		for i := range c {
			code[i] += c[i]
		}
		for i := range m {
			mask[i] += m[i]
		}
	}
	return code, mask
}

// What the parties hold together is the template, bit by bit in the flat order
// of the formats; mirrored and refreshed shares hold the mirrored template.
func TestSharesHoldTheTemplate(t *testing.T) {
	for _, shape := range []Shape{{200, false}, {256, false}, {200, true}} {
		crowd, err := synth.NewColumns(11, shape.Columns)
		if err != nil {
			t.Fatal(err)
		}
		e := crowd.Person(1).Sample(0).Left
		shares := split(t, 1, shape, e)
		holds(t, shape, shares, e)
		for i := range shares {
			shares[i] = shares[i].Mirror()
			if err := shares[i].Refresh(source(77)); err != nil {
				t.Fatal(err)
			}
		}
		holds(t, shape, shares, e.Mirror())
		// In full, not only modulo 2^16: the three lie on a line.
		var wide [galois.Parties][]uint32
		for i, s := range shares {
			wide[i] = masks[uint32](s)
		}
		_, err = galois.Open(wide)
		if shape.Exact != (err == nil) {
			t.Errorf("%+v: masks modulo 2^32: %v", shape, err)
		}
	}
}

func holds(t *testing.T, shape Shape, shares [galois.Parties]Share, e iris.Template) {
	t.Helper()
	code, mask := opened(t, shares)
	bits, visible := e.Flat()
	for row := range iris.Rows {
		for col := range shape.Columns {
			for w := range iris.Wavelets {
				for b := range 2 {
					flat := row*shape.Columns*4 + col*4 + w*2 + b
					bit, m := uint16(bits[flat/8]>>(7-flat%8)&1), uint16(visible[flat/8]>>(7-flat%8)&1)
					at := col*columnWords + 2*row + w
					if mask[at] != m || code[b*shape.plane()+at] != m-2*(bit&m) {
						t.Fatalf("%+v: row %d, column %d, wavelet %d: %d under %d, want %d under %d", shape, row, col, w, code[b*shape.plane()+at], mask[at], bit, m)
					}
				}
			}
		}
	}
}

// One party's share of an eye is uniform, and as uniform for one person as for
// another: each byte, each pair of neighbours, and what a rotation or a
// difference of two shares of the same eye would show.
func TestOneShareOfAnEyeIsUniform(t *testing.T) {
	crowd := synth.New(12)
	for _, shape := range []Shape{{200, false}, {200, true}} {
		eye := crowd.Person(1).Sample(0).Left
		blank, err := iris.FromFlat(200, make([]byte, 1600), make([]byte, 1600))
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range map[string]iris.Template{"person": eye, "another": crowd.Person(2).Sample(0).Right, "nothing": blank} {
			first, again := split(t, 1, shape, e), split(t, 2, shape, e)
			for p := range galois.Parties {
				uniform(t, name, first[p].words)
				difference := make([]uint16, len(first[p].words))
				turned := slices.Clone(difference)
				for i, w := range first[p].words {
					difference[i] = w - again[p].words[i]
					turned[i] = w - first[p].words[(i+columnWords)%len(difference)]
				}
				uniform(t, name+", two captures", difference)
				uniform(t, name+", turned", turned)
			}
		}
	}
}

// uniform is a chi-square test at six standard deviations.
func uniform(t *testing.T, name string, words []uint16) {
	t.Helper()
	statistics := map[string]func(i int) uint16{
		"low":   func(i int) uint16 { return words[i] & 255 },
		"high":  func(i int) uint16 { return words[i] >> 8 },
		"pairs": func(i int) uint16 { return words[i]>>12 | words[(i+1)%len(words)]>>8&0xf0 },
		"quads": func(i int) uint16 {
			q := i / quad * quad
			return words[q]&3 | words[q+1]&3<<2 | words[q+2]&3<<4 | words[q+3]&3<<6
		},
	}
	for what, f := range statistics {
		step := 1
		if what == "quads" {
			step = quad
		}
		var count [256]float64
		n := 0.
		for i := 0; i < len(words); i += step {
			count[f(i)]++
			n++
		}
		chi := 0.
		for _, c := range count {
			chi += (c - n/256) * (c - n/256) / (n / 256)
		}
		if z := (chi - 255) / math.Sqrt(2*255); math.Abs(z) > 6 {
			t.Errorf("%s, %s: chi-square %.0f of 255 degrees", name, what, chi)
		}
	}
}

func TestMemoryOfAPerson(t *testing.T) {
	const people = 640
	p := &People{}
	p.Left, _ = NewGallery(Shape{Columns: 200}, 0)
	p.Right, _ = NewGallery(Shape{Columns: 200}, 0)
	s := Share{Shape{Columns: 200}, 0, make([]uint16, Shape{Columns: 200}.Words())}
	for range people {
		if _, err := p.Append(Person{s, s}); err != nil {
			t.Fatal(err)
		}
	}
	if got := float64(p.Left.Bytes()+p.Right.Bytes()) / people; got > 76.8e3*1.02 {
		t.Errorf("%.0f bytes a person", got)
	}
}

func TestView(t *testing.T) {
	shape := Shape{Columns: 64}
	words := make([]uint16, 150*shape.Words())
	for i := range words {
		words[i] = uint16(i * 40503)
	}
	v, err := View(shape, 1, words)
	if err != nil || v.Len() != 150 || v.Bytes() != 2*len(words)+150*24 || v.Shape() != shape || v.Party() != 1 {
		t.Fatalf("%d entries, %v", v.Len(), err)
	}
	for i := range 150 {
		if !slices.Equal(v.Share(i).Words(), words[i*shape.Words():][:shape.Words()]) {
			t.Errorf("entry %d", i)
		}
	}
	if at, err := v.Append(v.Share(7)); err != nil || at != 150 || !slices.Equal(v.Entry(150), v.Entry(7)) || &v.Entry(150)[0] == &v.Entry(7)[0] {
		t.Errorf("a copy after the view: place %d, %v", at, err)
	}
	if at, err := v.Place(words[:shape.Words()]); err != nil || at != 151 || &v.Entry(151)[0] != &words[0] {
		t.Errorf("words that stay where they are: place %d, %v", at, err)
	}
	if at, err := v.Place(nil); err != nil || at != 152 || slices.ContainsFunc(v.Entry(152), func(w uint16) bool { return w != 0 }) {
		t.Errorf("a dropped place: %d, %v", at, err)
	}
	if _, err := v.Place(words[:5]); !errors.Is(err, ErrShape) {
		t.Errorf("a part of an entry placed: %v", err)
	}
	v.Drop(3)
	if slices.ContainsFunc(v.Entry(3), func(w uint16) bool { return w != 0 }) || words[3*shape.Words()] == 0 {
		t.Error("a dropped entry: what it compares with, or the memory it lay in")
	}
	if _, err := View(shape, 1, words[1:]); !errors.Is(err, ErrShape) {
		t.Errorf("a part of an entry: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	shape := Shape{Columns: 64}
	eye := synth.New(1).Person(1).Sample(0).Left
	s := Share{shape, 0, make([]uint16, shape.Words())}
	other := Share{shape, 1, s.words}
	wide := Share{Shape{72, false}, 0, make([]uint16, Shape{72, false}.Words())}
	g, _ := NewGallery(shape, 0)
	people, _ := NewPeople(shape, 0)
	q, _ := NewQuery(s, AllRows)
	strange, _ := NewQuery(other, AllRows)
	inner, _ := NewPersonQuery(Person{s, s}, InnerRows)
	nothing := func(int, int, *Sums) {}
	_, split1 := Split(source(1), shape, eye)
	_, split2 := Split(source(1), Shape{Columns: 68}, eye)
	_, split3 := Split(iotest.ErrReader(io.ErrUnexpectedEOF), Shape{Columns: 200}, eye)
	_, query1 := NewQuery(Share{}, AllRows)
	_, query2 := NewQuery(s, 0)
	_, person1 := NewPersonQuery(Person{s, other}, AllRows)
	_, person2 := NewPersonQuery(Person{}, AllRows)
	_, gallery1 := NewGallery(shape, 3)
	_, append1 := g.Append(other)
	_, append2 := g.Append(wide)
	_, append3 := people.Append(Person{s, wide})
	_, marshal := Share{}.MarshalBinary()
	forms := []Forms{{[]uint16{}, []uint16{}}}
	for name, c := range map[string]struct{ got, want error }{
		"split, columns of the template": {split1, ErrShape},
		"split, columns":                 {split2, ErrShape},
		"split, randomness":              {split3, io.ErrUnexpectedEOF},
		"query of nothing":               {query1, ErrShape},
		"query of no rows":               {query2, ErrShape},
		"person of two parties":          {person1, ErrShape},
		"person of nothing":              {person2, ErrShape},
		"gallery, party":                 {gallery1, ErrParty},
		"gallery, another's share":       {append1, ErrShape},
		"gallery, another shape":         {append2, ErrShape},
		"people, another shape":          {append3, ErrShape},
		"marshal nothing":                {marshal, ErrShape},
		"walk past the end":              {Walk([]*Query{q}, g, 0, 1, nothing), ErrShape},
		"walk backwards":                 {Walk([]*Query{q}, g, 0, -1, nothing), ErrShape},
		"walk, another's query":          {Walk([]*Query{q, strange}, g, 0, 0, nothing), ErrShape},
		"walk, nothing":                  {Walk(nil, g, 0, 0, nothing), nil},
		"forms, rows":                    {people.Forms(Third(), []*PersonQuery{inner}, 0, 0, forms), ErrShape},
		"forms, rule":                    {people.Forms(Rule{}, nil, 0, 0, nil), ErrRange},
		"forms, places":                  {people.Forms(Inner128(), []*PersonQuery{inner}, 0, 0, nil), ErrShape},
		"forms, length":                  {people.Forms(Inner128(), []*PersonQuery{inner}, 0, 0, []Forms{{make([]uint16, 1), nil}}), ErrShape},
		"exact, shape":                   {people.ExactForms(Exact{20316}, Exact{30000}, AllRows, nil, 0, 0, nil), ErrShape},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// Inner128 is a rule that fits every smaller shape too.
func Inner128() Rule { return Rule{InnerRows, Form{3, 1, 0}, Form{2, 1, 0}} }

func FuzzParseShare(f *testing.F) {
	for _, s := range []Share{
		{Shape{64, false}, 0, make([]uint16, Shape{64, false}.Words())},
		{Shape{64, true}, 2, make([]uint16, Shape{64, true}.Words())},
	} {
		for i := range s.words {
			s.words[i] = uint16(i * 40503)
		}
		b, err := s.MarshalBinary()
		if err != nil || len(b) != s.shape.Size() {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), 0))
	}
	f.Add([]byte{1, 3, 64, 0})
	f.Add([]byte{1, 0, 0, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseShare(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) || s.words != nil {
				t.Fatalf("%v, %d words", err, len(s.words))
			}
			return
		}
		again, err := s.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) || s.Shape().Check() != nil || s.Party() > 2 {
			t.Fatalf("another encoding of %+v, %v", s.shape, err)
		}
	})
}

func FuzzParseFaceShare(f *testing.F) {
	v := synth.New(1).Person(1).SampleFace(0)
	narrow, err := SplitFace[uint16](source(1), v)
	if err != nil {
		f.Fatal(err)
	}
	wide, err := SplitFace[uint32](source(1), v)
	if err != nil {
		f.Fatal(err)
	}
	a, _ := narrow[1].MarshalBinary()
	b, _ := wide[2].MarshalBinary()
	f.Add(a)
	f.Add(b)
	f.Add(a[:99])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseFaceShare[uint16](b)
		if err == nil {
			if again, _ := s.MarshalBinary(); !bytes.Equal(again, b) {
				t.Fatal("another encoding")
			}
		} else if !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
		w, wideErr := ParseFaceShare[uint32](b)
		if wideErr == nil {
			if again, _ := w.MarshalBinary(); !bytes.Equal(again, b) {
				t.Fatal("another encoding")
			}
		}
		if err == nil && wideErr == nil {
			t.Fatal("words of two sizes")
		}
	})
}
