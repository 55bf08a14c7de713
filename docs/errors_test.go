package docs

import (
	"os"
	"regexp"
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
	rows, told := map[string][]string{}, map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 3 { // of a wallet's window
			for code := range strings.SplitSeq(cells[0], ", ") {
				code = strings.Trim(code, "`")
				if told[code] {
					t.Errorf("%s has two rows", code)
				}
				told[code] = true
			}
			continue
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
	walletCodes(t, told)
	widgetCodes(t, string(page))
}

// widgetCodes holds the codes that the widget has of its own to the paragraph
// about them, or to any row.
func widgetCodes(t *testing.T, page string) {
	found := map[string]bool{"window_cut_off": true} // a constant
	for _, name := range []string{"ask", "closed", "handover", "perhuman"} {
		source, err := os.ReadFile("../sdk/web/" + name + ".js")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`AskError\((?:[^'()]*\? )?'(\w+)'(?: : '(\w+)')?|\?\? '(\w+)'`).FindAllStringSubmatch(string(source), -1) {
			for _, code := range m[1:] {
				if code != "" {
					found[code] = true
				}
			}
		}
	}
	if len(found) < 10 {
		t.Errorf("%d codes of the widget", len(found))
	}
	for code := range found {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("errors.md does not explain the widget's %s", code)
		}
	}
}

// walletCodes holds what a wallet tells a page to the codes that the engine
// refuses with and to the sentences that the page has for them.
func walletCodes(t *testing.T, told map[string]bool) {
	refusals, err := os.ReadFile("../sdk/wallet/refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	words, err := os.ReadFile("../sdk/web/wallet/lang/en.js")
	if err != nil {
		t.Fatal(err)
	}
	shared := map[string]bool{"locked": true, "secret_invalid": true} // the person's alone
	for _, info := range api.Table() {
		shared[string(info.Code)] = true
	}
	found := regexp.MustCompile(`(?m)^\t\w+ +Code = "(\w+)"`).FindAllStringSubmatch(string(refusals), -1)
	if len(found) < 20 {
		t.Errorf("%d codes in refusal.go", len(found))
	}
	for _, m := range found {
		if !told[m[1]] && !shared[m[1]] {
			t.Errorf("errors.md does not say that a wallet tells %s", m[1])
		}
	}
	for code := range told {
		if shared[code] {
			t.Errorf("%s is a code of a server, explained twice", code)
		}
		if !strings.Contains(string(words), "  code_"+code+":") {
			t.Errorf("the wallet has no sentence for %s", code)
		}
	}
}
