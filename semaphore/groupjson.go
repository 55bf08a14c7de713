package semaphore

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrTree: an exported group whose nodes do not follow from its leaves.
var ErrTree = errors.New("semaphore: exported group is inconsistent")

// MarshalJSON writes the official export: an array of levels from the leaves
// to the root, each an array of decimal strings; [[]] for an empty group.
func (t *tree) MarshalJSON() ([]byte, error) {
	if t.Size() == 0 {
		return []byte("[[]]"), nil
	}
	total := 2
	for _, level := range t.levels {
		total += 80*level.n + 3
	}
	out := append(make([]byte, 0, total), '[')
	for i, level := range t.levels {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '[')
		for j := range level.n {
			if j > 0 {
				out = append(out, ',')
			}
			out = append(out, '"')
			out = append(out, level.at(j).String()...)
			out = append(out, '"')
		}
		out = append(out, ']')
	}
	return append(out, ']'), nil
}

// ParseGroup reads an export and computes every node again. The official
// import trusts the file and so lets its author choose the root.
func ParseGroup(data []byte) (*Group, error) {
	var levels [][]Element
	if err := json.Unmarshal(data, &levels); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTree, err)
	}
	if len(levels) == 0 {
		return nil, fmt.Errorf("%w: no levels", ErrTree)
	}
	for _, level := range levels {
		if level == nil { // null
			return nil, fmt.Errorf("%w: %w", ErrTree, ErrNotCanonical)
		}
	}
	g, err := NewGroup(levels[0]...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTree, err)
	}
	if len(levels) != g.Depth()+1 {
		return nil, fmt.Errorf("%w: %d levels, want %d", ErrTree, len(levels), g.Depth()+1)
	}
	for i := 1; i < len(levels); i++ {
		if len(levels[i]) != g.levels[i].n {
			return nil, fmt.Errorf("%w: level %d has %d nodes, want %d", ErrTree, i, len(levels[i]), g.levels[i].n)
		}
		for j, node := range levels[i] {
			if node != g.levels[i].at(j) {
				return nil, fmt.Errorf("%w: level %d node %d", ErrTree, i, j)
			}
		}
	}
	return g, nil
}

// UnmarshalJSON is ParseGroup.
func (g *Group) UnmarshalJSON(data []byte) error {
	parsed, err := ParseGroup(data)
	if err != nil {
		return err
	}
	*g = *parsed
	return nil
}
