//go:build !linux

package dot

func largePages([]uint16) {}
