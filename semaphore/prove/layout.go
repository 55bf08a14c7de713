package prove

// block is a run of wires: fixed wires plus some for each level of the tree.
type block struct {
	name            string
	fixed, perLevel int
}

// Sizes of the gadgets, from the parameters of the circuit.
const (
	secretBits  = 252 // wires for bits of the secret; bit 252 is folded away
	rangeBits   = 250 // wires for bits of secret + 2^251 - l; two are folded away
	lowWindows  = 83  // three-bit windows of the first scalar segment
	highWindows = 2   // and of the second, whose last window is one bit
	adderWires  = 5   // sum (u, v), window point (u, v), slope
	poseidonOut = 79  // wires for S-box layer outputs and partial-round states
	poseidonBox = 160 // x^2 and x^4 of the 80 S-boxes with variable input
	poseidonAll = poseidonOut + poseidonBox
)

// wireMap names every wire of the official circuit in order, for any depth
// (spec proving.md: "levels repeat in equal blocks"). It was found by matching
// the values of the gadgets with the official witness, and TestWireMap finds
// it again.
var wireMap = [...]block{
	bOne:          {"one", 1, 0},
	bRoot:         {"root", 1, 0},
	bNullifier:    {"nullifier", 1, 0},
	bMessage:      {"message", 1, 0},
	bScope:        {"scope", 1, 0},
	bSecret:       {"secret", 1, 0},
	bLength:       {"path length", 1, 0},
	bIndex:        {"path index", 1, 0},
	bSiblings:     {"siblings", 0, 1},
	bSquare:       {"message squared", 1, 0},
	bPublicKey:    {"public key x, y", 2, 0},
	bSecretBits:   {"secret bits", secretBits, 0},
	bLowPoint:     {"low segment x, y", 2, 0},
	bHighPoint:    {"high segment x, y", 2, 0},
	bJoin:         {"sum of segments: beta, gamma, delta, tau", 4, 0},
	bLowAdders:    {"low segment adders", adderWires * lowWindows, 0},
	bLowEdwards:   {"low segment Edwards x, y, tau", 3, 0},
	bLowProducts:  {"low segment bit products", lowWindows, 0},
	bHighAdder:    {"high segment first adder", adderWires, 0},
	bHighLast:     {"high segment last sum u, v, slope", 3, 0},
	bHighEdwards:  {"high segment Edwards x, y, tau", 3, 0},
	bHighProduct:  {"high segment bit product", 1, 0},
	bNodes:        {"nodes", 1, 1},
	bSelected:     {"nodes selected as root", 0, 1},
	bIndexBits:    {"index bits", -1, 1},
	bEquals:       {"length equals i: result, inverse", 2, 2},
	bPairs:        {"left, right of each level", 0, 2},
	bLevelHash:    {"level hashes", 0, poseidonAll},
	bLeafHash:     {"leaf hash", poseidonAll, 0},
	bNullifierHsh: {"nullifier hash", poseidonAll, 0},
	bRangeBits:    {"range check bits", rangeBits, 0},
}

const (
	bOne = iota
	bRoot
	bNullifier
	bMessage
	bScope
	bSecret
	bLength
	bIndex
	bSiblings
	bSquare
	bPublicKey
	bSecretBits
	bLowPoint
	bHighPoint
	bJoin
	bLowAdders
	bLowEdwards
	bLowProducts
	bHighAdder
	bHighLast
	bHighEdwards
	bHighProduct
	bNodes
	bSelected
	bIndexBits
	bEquals
	bPairs
	bLevelHash
	bLeafHash
	bNullifierHsh
	bRangeBits
	blocks
)

// layout gives the first wire of every block at one depth, and one past the
// last at the end.
type layout struct {
	depth int
	first [blocks + 1]int
}

func newLayout(depth int) *layout {
	l := &layout{depth: depth}
	for i, b := range wireMap {
		l.first[i+1] = l.first[i] + b.fixed + b.perLevel*depth
	}
	return l
}

// wires is the size of a witness.
func (l *layout) wires() int { return l.first[blocks] }

// Depths that Semaphore defines.
const (
	minDepth = 1
	maxDepth = 32
)
