package semaphore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// missing skips a test for want of a tool, which is an error under CI=true.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

const webFolder = "../sdk/web"

// zkkitVersion is the first one that treats a zero among new leaves as a leaf
// (semaphore-v4.md section 3); 2.2.4 gives other roots.
const zkkitVersion = "2.2.5"

type zkkitStep struct {
	Op        string    `json:"op"`
	Position  int       `json:"position"`
	Positions []int     `json:"positions"`
	Members   []Element `json:"members"`
}

type zkkitAnswer struct {
	Roots []Element `json:"roots"`
	Depth int       `json:"depth"`
	Paths []struct {
		Index    uint64    `json:"index"`
		Siblings []Element `json:"siblings"`
		Plain    []*string `json:"plain"`
	} `json:"paths"`
}

// zkkit plays the sequences in Node.
func zkkit(t testing.TB, sequences [][]zkkitStep) (answers []zkkitAnswer) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	about, err := os.ReadFile(filepath.Join(webFolder, "node_modules/@zk-kit/lean-imt/package.json"))
	if err != nil {
		missing(t, "@zk-kit/lean-imt is not installed in sdk/web/node_modules: "+err.Error())
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(about, &pkg); err != nil || pkg.Version != zkkitVersion {
		missing(t, fmt.Sprintf("@zk-kit/lean-imt %s is installed, want %s", pkg.Version, zkkitVersion))
	}
	script, err := os.ReadFile("testdata/leanimt.mjs")
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(sequences)
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(node, "--input-type=module", "-e", string(script))
	run.Dir = webFolder
	run.Stdin = bytes.NewReader(in)
	run.Stderr = os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(sequences) {
		t.Fatalf("%d answers, want %d", len(answers), len(sequences))
	}
	return answers
}

// TestGroupEqualsZkKit plays random sequences here and with the official tree,
// zeros among new leaves included.
func TestGroupEqualsZkKit(t *testing.T) {
	count, steps := 16, 20
	if os.Getenv("PERHUMAN_LONG") == "1" {
		count, steps = 150, 40
	}
	r := rand.New(rand.NewPCG(20, 26))
	sequences := make([][]zkkitStep, count)
	groups := make([]*Group, count)
	roots := make([][]Element, count)
	for i := range sequences {
		g := new(Group)
		leaves := someLeaves(1000*i, 1000)
		next := func() Element { m := leaves[0]; leaves = leaves[1:]; return m }
		for range steps {
			s := randomStep(r, g, next)
			sequences[i] = append(sequences[i], s)
			if err := s.play(g); err != nil {
				t.Fatalf("sequence %d %s: %v", i, s.Op, err)
			}
			roots[i] = append(roots[i], g.Root())
		}
		groups[i] = g
	}
	for i, answer := range zkkit(t, sequences) {
		g := groups[i]
		for j, root := range answer.Roots {
			if roots[i][j] != root {
				t.Fatalf("sequence %d step %d %s: root %s, theirs %s", i, j, sequences[i][j].Op, roots[i][j], root)
			}
		}
		if answer.Depth != g.Depth() || len(answer.Paths) != g.Size() {
			t.Fatalf("sequence %d: depth %d size %d, theirs %d %d", i, g.Depth(), g.Size(), answer.Depth, len(answer.Paths))
		}
		for at, theirs := range answer.Paths {
			p, err := g.Proof(at)
			if err != nil || p.Index != theirs.Index || fmt.Sprint(p.Siblings) != fmt.Sprint(theirs.Siblings) {
				t.Fatalf("sequence %d: path of %d differs: %v", i, at, err)
			}
			plain, err := g.PlainProof(at, g.Depth())
			if err != nil || len(theirs.Plain) != g.Depth() {
				t.Fatalf("sequence %d: plain path of %d: %v", i, at, err)
			}
			for level, sibling := range theirs.Plain {
				alone := plain.Lone>>level&1 == 1
				if alone != (sibling == nil) || !alone && plain.Siblings[level].String() != *sibling {
					t.Fatalf("sequence %d: plain path of %d differs on level %d", i, at, level)
				}
			}
		}
	}
}

func randomStep(r *rand.Rand, g *Group, next func() Element) (s zkkitStep) {
	var live []int
	for i := range g.Size() {
		if !g.Member(i).IsZero() {
			live = append(live, i)
		}
	}
	member := func() Element {
		if r.IntN(4) == 0 {
			return Element{}
		}
		return next()
	}
	switch op := r.IntN(4); {
	case op == 0 || len(live) == 0:
		return zkkitStep{Op: "add", Members: []Element{next()}}
	case op == 1:
		s.Op = "addMany"
		for range 1 + r.IntN(12) {
			s.Members = append(s.Members, member())
		}
	case op == 2:
		return zkkitStep{Op: "update", Position: live[r.IntN(len(live))], Members: []Element{member()}}
	default:
		s.Op = "updateMany"
		for _, i := range r.Perm(len(live))[:1+r.IntN(len(live))] {
			s.Positions, s.Members = append(s.Positions, live[i]), append(s.Members, member())
		}
	}
	return s
}

func (s zkkitStep) play(g *Group) error {
	switch s.Op {
	case "add":
		return g.Add(s.Members[0])
	case "addMany":
		return g.AddMany(s.Members)
	case "update":
		if s.Members[0].IsZero() {
			return g.Remove(s.Position)
		}
		return g.Update(s.Position, s.Members[0])
	}
	changes := make([]Replacement, len(s.Positions))
	for i := range changes {
		changes[i] = Replacement{s.Positions[i], s.Members[i]}
	}
	return g.UpdateMany(changes)
}
