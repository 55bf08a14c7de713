package wallet

// SlotOrder shows tests in which order a wallet tries the slots of a book.
func SlotOrder(w *Wallet, b Book, k uint32) ([]uint32, error) {
	s, err := w.unlocked()
	if err != nil {
		return nil, err
	}
	return slotOrder(s.slots, w.cfg.Device, b, k)
}

// CrowdTiles shows tests which tiles are fetched.
func CrowdTiles(size, position uint64) (first, end uint64) { return crowdTiles(size, position) }
