package semaphore

// client is what the Queue remembers of a caller's client key.
type client struct {
	key     string
	waiting []*ticket
	// owed is the number of valid proofs to show before the client is known.
	owed int
	// streak is the number of valid proofs since the last bad one.
	streak int
	// penalty is what the next bad proof makes it owe.
	penalty int
}

// A new client owes little: real ones show valid proofs. Each bad proof makes
// the next way back twice as long.
const (
	owedAtFirst = 4
	maxPenalty  = 1024
)

func (c *client) known() bool { return c.owed == 0 }

// window is how many of its proofs may be in one batch: as many bad ones as it
// can put there, it has paid for with valid ones. A client that is always good
// has a full batch after six.
func (c *client) window() int { return 1 + c.streak }

func (c *client) judge(good bool) {
	if good {
		c.streak++
		c.owed = max(0, c.owed-1)
		return
	}
	c.streak = 0
	c.owed = max(c.owed, c.penalty)
	c.penalty = min(2*c.penalty, maxPenalty)
}

// clientBook remembers clients by their keys, known ones apart, so that nobody
// makes it forget those by inventing keys.
type clientBook struct{ known, others generations }

func newClientBook(max int) clientBook {
	return clientBook{generations{max: max}, generations{max: max}}
}

func (b *clientBook) of(c *client) *generations {
	if c.known() {
		return &b.known
	}
	return &b.others
}

// get gives the client of a key, a new one if there is none.
func (b *clientBook) get(key string) *client {
	for _, g := range []*generations{&b.known, &b.others} {
		if c := g.get(key); c != nil {
			return c
		}
	}
	c := &client{key: key, owed: owedAtFirst, penalty: 2 * owedAtFirst}
	b.others.put(c)
	return c
}

// move puts a client whose standing has changed where it belongs.
func (b *clientBook) move(c *client) {
	for _, g := range []*generations{&b.known, &b.others} {
		delete(g.present, c.key)
		delete(g.old, c.key)
	}
	b.of(c).put(c)
}

// generations remembers at least the max clients that were used last and at
// most twice as many: when the present generation is full it becomes the old
// one, and the old one is forgotten.
type generations struct {
	max          int
	present, old map[string]*client
}

func (g *generations) get(key string) *client {
	if c, ok := g.present[key]; ok {
		return c
	}
	c, ok := g.old[key]
	if ok {
		delete(g.old, key)
		g.put(c)
	}
	return c
}

func (g *generations) put(c *client) {
	if g.present == nil || len(g.present) >= g.max {
		g.old, g.present = g.present, make(map[string]*client)
	}
	g.present[c.key] = c
}
