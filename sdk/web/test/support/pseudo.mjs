// A language that nobody speaks: every text of the English catalogues between
// marks, handed out in place of German. What a page shows outside of marks was
// written into its code, and no translator would ever see it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const js = (body) => ({ contentType: 'text/javascript', body })
const marked = "const marked = (texts) => Object.fromEntries(Object.entries(texts).map(([key, v]) => [key, key === 'lang' ? 'de' : typeof v === 'string' ? `⟦${v}⟧` : marked(v)]))\n"

/** @param {import('playwright-core').BrowserContext} context launched with workers: false */
export async function pseudo(context) {
  const handover = readFileSync(new URL('../../handover-words.js', import.meta.url), 'utf8')
  // The wallet's, and the enrolment page's.
  for (const at of ['**/wallet/lang/de.js', '**/static/lang/de.js']) await context.route(at, (route) => route.fulfill(js(`import en from './en.js'\n${marked}export default marked(en)\n`)))
  await context.route('**/words-de.js', (route) => route.fulfill(js(`import { wordsFor } from './words.js'\n${marked}export const words = marked(wordsFor('en'))\n`)))
  await context.route('**/handover-words.js', (route) => route.fulfill(js(`${handover}\n${marked}handoverWords.de = marked(handoverWords.en)\n`)))
  await context.addInitScript(() => localStorage.setItem('perhuman-language', 'de'))
}

/**
 * No text below an element stands outside of marks, but for what is data: names, codes, dates, the person's own text.
 * @param {import('playwright-core').Locator} root @param {string} what @param {string[]} [data] texts that are nobody's to translate
 */
export async function assertTranslated(root, what, data = []) {
  const found = await root.evaluate((el, data) => {
    const theirs = 'script, style, noscript, code, pre, bdi, blockquote, option, time, .words, .code, .consent, .trail, #asker, #vouched, [lang]:not([lang=de])'
    const bad = []
    const check = (/** @type {string} */ text, /** @type {string} */ where) => {
      for (let was = ''; was !== text;) [was, text] = [text, text.replace(/⟦[^⟦⟧]*⟧/g, ' ')]
      for (const d of data) text = text.replaceAll(d, ' ')
      if (/\p{L}/u.test(text)) bad.push(`${where}: ${text.trim()}`)
    }
    const walk = (/** @type {Element | ShadowRoot} */ at) => {
      // A sentence with an element in its gap is one sentence.
      check([...at.childNodes].map((node) => (node instanceof Text ? node.data : ' ')).join(''), at instanceof Element ? at.tagName : 'shadow')
      for (const node of at.childNodes) {
        if (!(node instanceof Element) || node.matches(theirs)) continue
        for (const name of ['aria-label', 'placeholder', 'title', 'alt']) check(node.getAttribute(name) ?? '', `${node.tagName} ${name}`)
        walk(node)
        if (node.shadowRoot) walk(node.shadowRoot)
      }
    }
    walk(el)
    if (el.shadowRoot) walk(el.shadowRoot)
    return { bad, marks: (el.textContent + (el.shadowRoot?.textContent ?? '')).includes('⟦') }
  }, data)
  assert.deepEqual(found.bad, [], `${what}: not in the catalogue`)
  assert.ok(found.marks, `${what}: nothing is translated`)
}
