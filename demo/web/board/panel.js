// The panel behind a badge: fetches a post's bundle and re-checks it in this
// page. The check is the wallet's Go code as WebAssembly; it asks nobody, and
// the only keys it trusts are the issuer's and the board's.

import { Engine } from '/perhuman/engine.js'
import { fill, h, icon } from '/perhuman/dom.js'
import { when } from './common.js'

/**
 * @typedef {import('./board.js').Session} Session
 * @typedef {import('./board.js').Post} Post
 * @typedef {'good' | 'bad' | 'warn'} Mark
 * @typedef {{code: string, detail: string}} Reason
 * @typedef {{ok: boolean, time: string, cap: string, reasons: Reason[], notes: Reason[], issuer: string, rp: string, period_len: number,
 *   accepted_at?: number, root_seq: number, set_size: number, entry_day: string}} Report
 * @typedef {{mark: Mark, title: string, text: string}} Fact
 */

/** @type {Promise<Engine> | undefined} */
let engine
async function started() {
  engine ??= Engine.start({ program: 'check', workerURL: '/perhuman/worker.js' })
  try {
    return await engine
  } catch (err) {
    engine = undefined
    throw err
  }
}

/** @param {string} s */
const sentence = (s) => s.charAt(0).toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? '' : '.')

/** @param {Fact} f */
const row = (f) => h('li', { 'data-state': f.mark }, icon(f.mark === 'good' ? 'yes' : f.mark === 'bad' ? 'no' : 'open'), h('b', null, f.title), h('span', null, f.text))

/**
 * What the check found, one fact a row (sdk/post Report).
 * @param {Report} r @param {boolean} same whether the page shows what the bundle holds
 * @param {Session} session @returns {Fact[]}
 */
function factsOf(r, same, session) {
  const has = (/** @type {string[]} */ ...codes) => r.reasons.find((x) => codes.includes(x.code))
  /** @param {{detail: string} | undefined} failed @param {string} title @param {string} text @param {string} lie @returns {Fact} */
  const fact = (failed, title, text, lie) => failed ? { mark: 'bad', title: lie, text: sentence(failed.detail) } : { mark: 'good', title, text }
  const malformed = has('malformed', 'wrong_rp', 'wrong_action', 'period_invalid')
  if (malformed) return [{ mark: 'bad', title: 'The bundle does not belong to this post', text: sentence(malformed.detail) }]
  const altered = has('text_altered') ?? (same ? undefined : { detail: 'The page shows something else than the bundle holds.' })
  const day = r.period_len === 86400 ? 'a day' : r.period_len === 0 ? 'ever' : 'per period'
  const proof = has('proof_invalid', 'scope_mismatch', 'challenge_invalid', 'slot_out_of_range')
  return [
    fact(altered, 'The text is untouched', 'The proof is bound to exactly this text, author name and time.', 'The text was changed'),
    altered && !proof
      ? { mark: 'warn', title: 'The proof speaks for another text', text: 'It may be a good proof, but not of what is shown here.' }
      : fact(proof, 'Written by one verified human', `A zero-knowledge proof by one of the ${r.set_size} people in the set of ${r.issuer}; it does not say which.`, 'The proof does not verify'),
    fact(has('wrong_issuer', 'root_zero', 'root_mismatch', 'root_unproven'), 'The set is public', `It is entry ${r.root_seq} of the issuer’s signed log, from ${r.entry_day}.`, 'The set is not in the issuer’s log'),
    r.time === 'proven'
      ? { mark: 'good', title: 'The time is attested', text: `${r.rp} signed that it accepted this on ${when(r.accepted_at ?? 0)}.` }
      : { mark: has('receipt_invalid') ? 'bad' : 'warn', title: 'The time is not proven', text: sentence(has('receipt_invalid')?.detail ?? r.notes[0]?.detail ?? 'nobody attests when this was accepted') },
    r.cap === 'proven'
      ? { mark: 'good', title: 'It counted against the cap', text: `${r.rp} signed that it spent one of this human’s ${session.policy.k} posts ${day}.` }
      : { mark: 'warn', title: 'The cap is not proven', text: 'Nobody attests that this counted against a limit.' },
  ]
}

/** @param {Session} session @param {Post} post @param {(good: boolean) => void} judged told what came out */
export async function showProof(session, post, judged) {
  const heading = h('h2', { id: 'panel-title' }, 'Checking this post …')
  const seal = h('div', { class: 'seal' }, icon('seal'))
  const said = h('blockquote', null, post.text)
  const facts = h('ul', { class: 'facts' })
  const verdict = h('div', { role: 'status', class: 'sr' })
  const tamper = h('button', { type: 'button', 'aria-pressed': 'false', disabled: true }, 'Tamper with it')
  const download = h('a', { class: 'button', download: `post-${post.id}.json` }, 'Download the bundle')
  const dialog = h('dialog', { class: 'panel', 'aria-labelledby': 'panel-title' },
    h('div', { class: 'stack' },
      h('div', { class: 'panel-head' }, seal, h('div', { class: 'stack tight' }, heading, h('p', { class: 'muted small' }, `${post.author}, ${when(post.created)}`))),
      said, verdict, facts,
      h('div', { class: 'row' }, tamper, download, h('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, 'Close'))))
  dialog.addEventListener('close', () => dialog.remove())
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close() })
  document.body.append(dialog)
  dialog.showModal()

  /** @param {any} bundle @param {string} text shown */
  const check = async (bundle, text) => {
    const shown = { ...bundle, post: { ...bundle.post, text } }
    const report = /** @type {Report} */ (await (await started()).checkPost(shown, { issuer: session.issuer.vkey, rp_keys: session.rp_keys, rp: session.rp, action: 'post', max_k: session.policy.k }))
    const same = bundle.post.text === post.text && bundle.post.author === post.author && bundle.post.created === post.created
    const good = report.ok && same
    dialog.dataset.state = good ? 'good' : 'bad'
    heading.textContent = good ? 'Written by a verified human' : 'This does not check out'
    verdict.textContent = heading.textContent
    fill(seal, icon(good ? 'seal' : 'no'))
    fill(facts, factsOf(report, same, session).map(row), h('li', { 'data-state': 'good' }, icon('yes'), h('b', null, 'You checked it yourself'), h('span', null, 'In this page, from the bundle alone. No server was asked.')))
  }
  try {
    const answer = await fetch(`/api/posts/${post.id}/bundle`)
    if (!answer.ok) throw new Error(`bundle: ${answer.status}`)
    const raw = await answer.text()
    const bundle = JSON.parse(raw)
    download.href = URL.createObjectURL(new Blob([raw], { type: 'application/json' }))
    dialog.addEventListener('close', () => URL.revokeObjectURL(download.href))
    await check(bundle, bundle.post.text)
    judged(dialog.dataset.state === 'good')
    tamper.disabled = false
    tamper.addEventListener('click', async () => {
      const on = tamper.getAttribute('aria-pressed') !== 'true'
      tamper.setAttribute('aria-pressed', String(on))
      tamper.textContent = on ? 'Put it back' : 'Tamper with it'
      const text = on ? edited(bundle.post.text) : bundle.post.text
      said.textContent = text
      await check(bundle, text)
    })
  } catch (err) {
    dialog.dataset.state = 'bad'
    heading.textContent = 'This could not be checked'
    fill(facts, row({ mark: 'warn', title: 'No answer', text: err instanceof Error ? err.message : String(err) }))
  }
}

/** A small lie, told before the final full stop. @param {string} text */
function edited(text) {
  return text.replace(/\s*([.!?…]*)\s*$/, ', or so they say$1')
}
