package docs

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
)

// errors.md has one row for every code, with the status and the siteverify word
// that the server sends, a cause and a remedy.
func TestEveryCodeIsExplained(t *testing.T) {
	page, err := os.ReadFile("errors.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		code := strings.Trim(cells[0], "`")
		if rows[code] != nil {
			t.Errorf("%s has two rows", code)
		}
		rows[code] = cells
	}
	for _, info := range api.Table() {
		cells := rows[string(info.Code)]
		delete(rows, string(info.Code))
		if len(cells) != 5 {
			t.Errorf("%s: %d cells in errors.md, not code, status, siteverify, cause, remedy", info.Code, len(cells))
			continue
		}
		status := "-"
		if info.Status != 0 {
			status = strconv.Itoa(info.Status)
		}
		if cells[1] != status || cells[2] != info.Siteverify {
			t.Errorf("%s: errors.md says %q and %q, the table %s and %q", info.Code, cells[1], cells[2], status, info.Siteverify)
		}
		if cells[3] == "" || cells[4] == "" {
			t.Errorf("%s lacks a cause or a remedy", info.Code)
		}
	}
	for code := range rows {
		t.Errorf("errors.md explains %s, which no table knows", code)
	}
}
