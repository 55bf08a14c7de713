package admin

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
)

// browserStory is an operator at the page: a wrong token, the right one, a new
// app and its key, revocation, the narrow screen, axe, and not one complaint of
// the browser about the page's own policy.
const browserStory = `
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
const [dir, url, token, chromium] = process.argv.slice(2)
const require = createRequire(dir + '/')
const browser = await require('playwright-core').chromium.launch({ executablePath: chromium, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'] })
const fail = m => { console.error(m); process.exitCode = 1 }
try {
  for (const [width, colorScheme] of [[1280, 'light'], [360, 'dark']]) {
    const p = await browser.newPage({ viewport: { width, height: 800 }, colorScheme, bypassCSP: false })
    p.on('console', m => { if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) fail('console: ' + m.text()) })
    p.on('pageerror', e => fail('page: ' + e.message))
    await p.goto(url)
    await p.fill('#token', 'x'.repeat(32))
    await p.click('#enter button')
    await p.waitForSelector('#wrong:not([hidden])')
    await p.fill('#token', token)
    await p.click('#enter button')
    await p.waitForSelector('#decisions svg')
    const name = 'Forum ' + width
    await p.click('#new-app')
    await p.fill('#f-name', name)
    await p.fill('#f-rp', 'forum' + width + '.example')
    await p.fill('#f-actions', 'post 5/day\nvote sometimes')
    await p.getByRole('button', { name: 'Make it' }).click()
    await p.waitForSelector('dialog .note.bad:not([hidden])')
    await p.fill('#f-actions', 'post 5/day\nvote once')
    await p.getByRole('button', { name: 'Make it' }).click()
    await p.waitForSelector('.secret')
    const secret = await p.textContent('.secret')
    if (!/^phk_live_[\w-]{43}$/.test(secret)) fail('secret: ' + secret)
    await p.getByRole('button', { name: 'I have it' }).click()
    const app = p.locator('.app', { hasText: name })
    await app.getByRole('button', { name: 'Revoke' }).click()
    await p.locator('dialog').getByRole('button', { name: 'Revoke' }).click()
    await app.getByText('ended').waitFor()
    if ((await p.content()).includes(secret)) fail('the secret is still in the page')
    for (const range of ['Day', 'Week']) { await p.getByRole('button', { name: range, exact: true }).click(); await p.waitForTimeout(150) }
    const wide = await p.evaluate(() => document.documentElement.scrollWidth)
    if (wide > width) fail('the page is ' + wide + ' wide at ' + width)
    const axe = await p.context().newCDPSession(p)
    await axe.send('Runtime.evaluate', { expression: readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8') })
    const found = await p.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }))
    for (const v of found.violations) fail(v.id + ': ' + v.nodes.map(n => n.html).join('; '))
    await p.click('#lock')
    await p.waitForSelector('#door:not([hidden])')
    await p.reload()
    await p.waitForSelector('#door:not([hidden])')
    await p.close()
  }
} finally { await browser.close() }
`

func TestPageInABrowser(t *testing.T) {
	dir, err := filepath.Abs("../../../sdk/web/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	chromium := os.Getenv("CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	for _, need := range []string{chromium, filepath.Join(dir, "playwright-core"), filepath.Join(dir, "axe-core")} {
		if _, err := os.Stat(need); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing, which is an error under CI=true", need)
			}
			t.Skipf("no browser story: %s is missing", need)
		}
	}
	if testing.Short() {
		if os.Getenv("CI") != "true" {
			t.Skip("a browser takes a while")
		}
	}
	w := newWorld(t)
	h, err := New(w.srv.Options.withToken(adminToken))
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		w.stats.Decided("app_1", api.OK)
	}
	w.stats.Decided("app_1", api.NullifierAlreadyUsed)
	srv := httptest.NewServer(h)
	defer srv.Close()
	script := filepath.Join(t.TempDir(), "story.mjs")
	if err := os.WriteFile(script, []byte(browserStory), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "node", script, dir, srv.URL, adminToken, chromium).CombinedOutput(); err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func (o Options) withToken(token string) Options {
	o.Token, o.Metrics = token, nil
	return o
}
