package main

import (
	"fmt"
	"syscall"
)

// network file systems lie about locks and syncs. The numbers are those of
// statfs(2).
var network = map[int64]string{0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x65735546: "FUSE"}

// fileSystem looks at what a folder lies on.
func fileSystem(dir string) []finding {
	const name = "file system"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return []finding{fault(name, "make the folder", err)}
	}
	var out []finding
	if kind := network[int64(fs.Type)&0xffffffff]; kind != "" {
		out = append(out, fault(name, "put the database on a local disk: locks and syncs over a network do not hold what SQLite needs", fmt.Errorf("%s lies on %s", dir, kind)))
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize) >> 20; free < 1024 {
		out = append(out, warning(name, "make room: a full disk refuses everybody", "%d MB free in %s", free, dir))
	}
	return out
}
