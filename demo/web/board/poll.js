// The poll: vote with a proof, and count everybody's again in this page.

import '/perhuman/handover.js' // before the widgets, which then draw their second button with the first
import '/perhuman/perhuman.js'
import { concat, encode, fromBase64url, prefixed, toBase64url } from '/perhuman/bytes.js'
import { byId, fill, h, icon } from '/perhuman/dom.js'
import { explain } from '/perhuman/codes.js'
import { Engine } from '/perhuman/engine.js'
import { begin, every, keep, kept, read, send } from './common.js'

/**
 * @typedef {{rp: string, id: string, action: string, question: string, choices: {id: string, label: string}[], seq: number}} Definition
 * @typedef {{number: number, poll: Definition, counts: Record<string, number>, votes: number, closed: boolean, log: string}} Poll
 * @typedef {{log: string, issuer: string, checkpoint: string, entries: string[]}} Tally
 */

const check = /** @type {import('/perhuman/perhuman.js').PerhumanCheck} */ (byId('check'))
const status = byId('vote-status'), lie = /** @type {HTMLSelectElement} */ (byId('lie'))
const session = /** @type {import('./board.js').Session} */ (await begin('/api/session'))
/** @type {Poll | null} */
let poll = null
let drawn = ''

const receiptOf = (/** @type {number} */ n) => `agora-receipt-${n}`
/** Receipts that this browser would not keep: they go with the page. @type {Map<number, string[]>} */
const unkept = new Map()

/** Bars of a count, as words and as lengths. @param {Poll} p @param {Record<string, number>} counts @param {boolean} choose */
function bars(p, counts, choose) {
  const most = Math.max(1, ...Object.values(counts))
  return h('ul', { class: 'bars' }, p.poll.choices.map((c) => {
    const n = counts[c.id] ?? 0
    const label = choose
      ? h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'choice', value: c.id, required: true, onchange: () => { if (check.getResponse()) check.reset() } }), c.label)
      : h('span', null, c.label)
    return h('li', { 'data-choice': c.id }, label, h('b', null, n), h('meter', { min: 0, max: most, value: n, 'aria-label': `${c.label}: ${n}` }))
  }))
}

function chosen() {
  return /** @type {HTMLInputElement | null} */ (document.querySelector('input[name=choice]:checked'))
}

async function show() {
  poll = /** @type {{poll: Poll | null}} */ (await read('/api/poll')).poll
  const now = JSON.stringify(poll)
  if (now === drawn || !poll) return
  drawn = now
  const before = chosen()?.value
  byId('state').textContent = `Poll ${poll.number}, ${poll.closed ? 'closed' : 'open'}`
  byId('question').textContent = poll.poll.question
  fill(byId('choices'), bars(poll, poll.counts, !poll.closed))
  if (before) for (const input of document.querySelectorAll('input[name=choice]')) if (/** @type {HTMLInputElement} */ (input).value === before) /** @type {HTMLInputElement} */ (input).checked = true
  fill(byId('sum'), `${poll.votes} ${poll.votes === 1 ? 'vote' : 'votes'}, as the board says. `, h('a', { href: `/poll/${poll.number}/tally.json` }, 'Every ballot, in one file'))
  byId('ballot').hidden = poll.closed
  byId('next').textContent = poll.closed ? 'Open the next poll' : 'Close the poll'
  byId('crowd').hidden = poll.closed
  check.setAttribute('action', poll.poll.action)
  byId('command').textContent = `perhuman recount -issuer '${session.issuer.vkey}' \\\n  -log '${poll.log}' \\\n  ${location.origin}/poll/${poll.number}/tally.json`
}

check.setAttribute('wallet', session.wallet)
check.setAttribute('app', session.rp)
let choice = ''
check.content = () => {
  choice = chosen()?.value ?? ''
  const p = /** @type {Poll} */ (poll).poll
  return { kind: 'vote', bytes: concat(prefixed(encode(p.rp)), prefixed(encode(p.id)), prefixed(encode(choice))) }
}
check.addEventListener('click', (event) => {
  if (chosen()) return
  event.stopPropagation()
  const first = /** @type {HTMLInputElement | null} */ (document.querySelector('input[name=choice]'))
  first?.reportValidity()
  first?.focus()
}, { capture: true })
check.addEventListener('perhuman-verified', async (event) => {
  const n = /** @type {Poll} */ (poll).number
  const { response } = /** @type {CustomEvent<{response: string}>} */ (event).detail
  const said = await send(`/poll/${n}/vote`, { choice }, response)
  check.reset()
  if (said.status !== 201) {
    fill(status, h('div', { class: 'note bad' }, explain(said.code), ' ', h('code', null, said.code)))
    return
  }
  const fine = keep(receiptOf(n), [said.receipt])
  if (!fine) unkept.set(n, [said.receipt])
  await show().catch(() => {})
  fill(status, h('div', { class: 'note good' }, `Counted: entry ${said.entry} of the log. ${fine ? 'The receipt is kept in this browser' : 'This browser keeps nothing, so the receipt goes with this page'}, and “Count again” looks for your vote.`))
})

/** What a cheat would do to the file on its way. @param {Tally} t @param {string} how */
function told(t, how) {
  const at = t.entries.findIndex((e) => fromBase64url(e)[0] === 2)
  if (at < 0) return
  const entry = fromBase64url(t.entries[at])
  if (how === 'change') { // the first ballot says something else than its voter proved
    const size = entry[2]
    const other = /** @type {Poll} */ (poll).poll.choices.find((c) => c.id !== new TextDecoder().decode(entry.subarray(3, 3 + size)))
    t.entries[at] = toBase64url(concat(entry.subarray(0, 1), prefixed(encode(other?.id ?? 'a')), entry.subarray(3 + size)))
  } else if (how === 'drop') t.entries.splice(at, 1)
  else if (how === 'double') t.entries.splice(at + 1, 0, t.entries[at])
  else if (how === 'stuff') {
    entry[3 + entry[2] + 32 + 1 + 32 + 31] ^= 1 // another nullifier: a human who never was
    t.entries.splice(at + 1, 0, toBase64url(entry))
  }
}

/** @type {Promise<Engine> | undefined} */
let engine
/** @type {Record<string, string>} */
const faults = {
  log_altered: 'The entries are not those that were signed.', vote_dropped: 'A ballot is missing that was signed for.', count_wrong: 'The closing entry states another number.',
  set_unproven: 'The frozen set is not the issuer’s.', not_in_set: 'By nobody of the frozen set.', scope_mismatch: 'Made for something else.', choice_altered: 'The voter proved another choice.',
  voted_twice: 'This human has voted before.', proof_invalid: 'Nobody made this ballot.', malformed: 'Not an entry.',
}
const button = /** @type {HTMLButtonElement} */ (byId('recount'))
button.addEventListener('click', async () => {
  if (!poll) return
  const p = poll, report = byId('report')
  button.disabled = true
  fill(report, h('span', { class: 'muted small' }, 'Counting …'))
  try {
    engine ??= Engine.start({ program: 'check', workerURL: '/perhuman/worker.js' })
    const tally = /** @type {Tally} */ (await read(`/poll/${p.number}/tally.json`))
    told(tally, lie.value)
    const receipts = /** @type {string[]} */ (unkept.get(p.number) ?? kept(receiptOf(p.number), []))
    const r = await (await engine).recount({ poll: JSON.stringify(tally), issuer: session.issuer.vkey, log: p.log, receipts })
    report.dataset.state = r.ok ? 'good' : 'bad'
    const good = Object.values(r.counts).reduce((a, b) => a + b, 0)
    fill(report, h('div', { class: r.ok ? 'note good' : 'note bad' }, r.ok
      ? `It adds up: ${good} ballots, each by another one of ${r.voters} people${r.closed ? '. The poll is closed, and this is the result.' : '. The poll is still open.'}${receipts.length ? ' Your vote is in it.' : ''}`
      : 'It does not add up:'),
    r.ok ? bars(p, r.counts, false)
      : h('ul', { class: 'facts' }, r.faults.map((f) => h('li', { 'data-state': 'bad', 'data-code': f.code }, icon('no'), h('b', null, f.entry < 0 ? 'The log' : `Entry ${f.entry}`), h('span', null, `${faults[f.code] ?? f.detail} `, h('code', null, f.code))))))
  } catch (err) {
    engine = undefined
    report.dataset.state = 'bad'
    fill(report, h('div', { class: 'note warn' }, err instanceof Error ? err.message : String(err)))
  } finally {
    button.disabled = false
  }
})

/** @param {string} id @param {string} path @param {string} busy */
function operator(id, path, busy) {
  const b = /** @type {HTMLButtonElement} */ (byId(id))
  b.addEventListener('click', async () => {
    b.disabled = true
    fill(byId('operator-status'), h('span', { class: 'muted' }, busy))
    // What was seen when it was pressed: somebody else may have pressed it meanwhile.
    const said = await send(path, poll ? { number: poll.number, closed: poll.closed } : {})
    if (said.status === 200 && id === 'next') fill(status), fill(byId('report'))
    await show().catch(() => {}) // the label first: it says what the next press does
    fill(byId('operator-status'), said.status !== 200 ? h('div', { class: 'note bad' }, explain(said.code), ' ', h('code', null, said.code))
      : id === 'crowd' && said.votes < 5 ? h('span', { class: 'muted' }, `${said.votes} of them voted; the others had before.`) : null)
    b.disabled = false
  })
}
operator('crowd', '/api/poll/crowd', 'Five made-up people prove and vote …')
operator('next', '/api/poll/next', 'One moment …')

await show().catch(() => {})
every(5, show)
