package issuer

import (
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const viewLevels = 4 // levels 0, 8, 16, 24

// setView is the set at one seq, cut into the tiles that wallets fetch. Views
// of neighbouring seqs share all tiles that did not change.
type setView struct {
	size       uint64
	superseded uint64 // unix ms; 0 for the newest
	levels     [viewLevels][][]byte
}

func newSetView(g *semaphore.Group) setView {
	all := make([]uint64, 0, (g.Size()+setlog.TileWidth-1)/setlog.TileWidth)
	for n := 0; n < g.Size(); n += setlog.TileWidth {
		all = append(all, uint64(n))
	}
	return setView{}.after(g, all)
}

// after gives the view of g, in which only leaves in the level-0 tiles of the
// changed positions differ from v.
func (v setView) after(g *semaphore.Group, changed []uint64) setView {
	next := setView{size: uint64(g.Size())}
	for k := range next.levels {
		level := k * setlog.TileHeight
		tiles := int((setNodes(next.size, level) + setlog.TileWidth - 1) / setlog.TileWidth)
		if setlog.SetTileWidth(next.size, level, 0) == 0 {
			tiles = 0
		}
		next.levels[k] = make([][]byte, tiles)
		copy(next.levels[k], v.levels[k])
		done := make(map[uint64]bool)
		for _, position := range changed {
			n := position >> uint(level+setlog.TileHeight)
			width := setlog.SetTileWidth(next.size, level, n)
			if done[n] || width == 0 {
				continue
			}
			done[n] = true
			next.levels[k][n] = setlog.MarshalLeaves(g.Nodes(level, int(n)*setlog.TileWidth, width))
		}
	}
	return next
}

func setNodes(size uint64, level int) uint64 {
	return (size + 1<<uint(level) - 1) >> uint(level)
}

// tile gives the bytes of a tile, nil if there is none.
func (v setView) tile(level int, n uint64) []byte {
	if setlog.SetTileWidth(v.size, level, n) == 0 {
		return nil
	}
	return v.levels[level/setlog.TileHeight][n]
}
