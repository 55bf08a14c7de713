// Screens of the wallet in states that a story takes minutes or days to come
// to: what the page holds is put together here, and the wallet's own modules
// draw it. Only for how screens look; what they do is in the stories.

/** The key of the issuer that the states are about. */
export const vkey = 'issuer.localhost+1a2b3c4d+AAEC'

/** Draws a state in an open wallet page: this function runs there. @param {{issuer: string, board: string, state: string, vkey: string}} about */
export async function draw({ issuer, board, state, vkey }) {
  const now = Math.floor(Date.now() / 1000), day = Math.floor(now / 86400)
  const [kind, what] = state.split(' ')
  const receipt = (kind, i) => ({ kind, id: 'x' + i, at: now - i * 5000, receipt: 'AA' + i, proof: 'x', issuer: vkey })
  const enrolled = { op: 'enrol', record: 1234, leaf: 3, day: day - 9 }
  const recovery = { status: 'announced', announcement: 1301, announced_at: now - 3600, veto_until: now + 86400 * 3, due: now + 86400 * 4, effective_at: now + 86400 * 7 }
  const stopped = { ...recovery, status: 'refused', code: 'recovery_vetoed' }
  const deletion = { id: 'd', status: 'x', receipt: 'r' }
  const lives = {
    member: { events: [enrolled] },
    place: { events: [enrolled], taking: stopped, receipts: ['enrolment', 'recovery', 'veto', 'deletion', 'tombstone'].map(receipt) },
    alarm: { events: [enrolled, { op: 'rekey_announced', record: 1301, leaf: 3, day }], taking: recovery },
    recovering: { recovery },
    stopped: { recovery: stopped },
    moved: { events: [enrolled, { op: 'rekey_out', record: 1302, leaf: 3, day }] },
    removed: { events: [enrolled, { op: 'remove', record: 1302, leaf: 3, day }] },
    left: { events: [enrolled, { op: 'remove', record: 1302, leaf: 3, day }], deletion: { ...deletion, reentry_at: now + 86400 * 30 } },
    destroyed: { deletion: { ...deletion, reentry_at: now - 60, destroyed_at: now - 30 } },
  }
  const life = { events: [], from: 0, next: 1, receipts: [], ...lives[kind] }
  const acts = Array.from({ length: 7 }, (_, i) => ({
    at: now - i * 9000, rp: ['agora.localhost:8080', 'a-rather-long-name-of-a-site.example.org', 'forum.example'][i % 3],
    action: ['post', 'vote/spring-budget-of-the-city', 'sign-in'][i % 3], kind: 'once', len: 0, k: 1, issuer: 'issuer.localhost',
  }))
  const commitment = '1234567'.repeat(11)
  const never = () => new Promise(() => {})
  const nothing = async () => {}
  let read = /** @type {unknown} */ (undefined)
  const holder = Object.assign(new EventTarget(), {
    issuers: [{ vkey, name: 'issuer.localhost', at: issuer }], memberships: new Map(), enrolments: new Map(), broken: new Map(), locked: false,
    vault: /** @type {unknown} */ ({ created: now, backedUp: kind !== 'member', ways: [{ type: 'passkey' }, { type: 'passphrase', rounds: 600000 }] }),
    books: { history: async () => kind === 'bare' ? [] : acts, erase: nothing },
    life: () => life, sync: nothing, resume: nothing, refresh: nothing, events: async () => ({ list: [], from: 0, next: 1 }), keepLife: nothing, look: nothing, readSets: nothing, cancel() {}, wipe: nothing, lockAll() {},
    paper: async () => ({ words: ('abandon ability able about above absent absorb abstract absurd abuse access accident account accuse achieve acid acoustic acquire across action actor actress actual adapt zoo').split(' '), code: 'PH1-' + Array(11).fill('0J5KQ').join('-') }),
    passage: async () => ({ key: 'abandon ability able about above'.split(' '), address: location.origin + '/#bring=' + 'aB3_'.repeat(60) }),
    identity: async () => ({ commitment, public_key: '' }), exported: async () => 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
    engine: async () => ({ receipt: async () => ({ issuer: 'issuer.localhost', at: now, commitment, entry: { record: 1234 }, text: `perhuman/intake/1 issuer.localhost\ncommitment ${commitment}\n` }) }),
    vouching: () => holder.issuers, accepted: () => holder.issuers, bound: async () => read, read: async () => new Uint8Array(32),
    gather: async () => { if (kind === 'refused') throw Object.assign(new Error(''), { code: what }) },
    prepare: async () => ({ crowd: 1204, left: 3 }), propose: never, answer: never,
  })
  if (['member', 'place', 'alarm', 'asked', 'refused'].includes(kind)) holder.memberships.set(vkey, { member: what !== 'not_member', live: 1204, issued: now - 400 })
  else holder.memberships.set(vkey, { member: false, live: 1204, issued: now - 400 })
  if (kind === 'waiting') holder.enrolments.set(vkey, { enrolled: now, id: 'x' })
  if (kind === 'forked') holder.broken.set(vkey, { code: 'fork_detected', evidence: 'x', signer: vkey })
  if (kind === 'unvouched') holder.broken.set(vkey, { code: 'key_unvouched' })

  const main = /** @type {HTMLElement} */ (document.getElementById('main')), lock = /** @type {HTMLElement} */ (document.getElementById('lock'))
  const asks = kind === 'asked' || kind === 'refused'
  document.documentElement.classList.toggle('asked', asks)
  lock.hidden = asks
  const { fill } = await import('/perhuman/dom.js')
  if (!asks) {
    const { home } = await import('/perhuman/wallet/home.js')
    fill(main, home(holder).el)
    return
  }
  const { encode, sha256, toBase64url, contentDigest, canonicalPost, rpFromOrigin } = await import('/perhuman/bytes.js')
  const rp = rpFromOrigin(board), once = what === 'once' || what === 'returning'
  const request = { origin: board, rp, action: what === 'bad' ? 'BAD' : 'post', kind: once ? what : 'per_epoch', len: once ? 0 : 86400, k: once ? 1 : 5, tell() {}, gone: () => false }
  let digest = new Uint8Array(32)
  if (what === 'post' || what === 'phone') {
    const text = 'A rather long post that somebody has written with care; it has several sentences. One of them is this. Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenversicherung is a word too.'
    Object.assign(request, { content: { kind: 'post', author: 'Amina', created: now, text }, relayed: what === 'phone' })
    digest = await contentDigest('post', canonicalPost({ rp, author: 'Amina', created: now, text }))
  }
  if (['vote', 'grant', 'unknown'].includes(what)) {
    Object.assign(request, { bound: { kind: what, bytes: 'AAAA' } })
    digest = new Uint8Array(32).fill(7)
    read = {
      kind: 'x', vote: what === 'vote' && { choice: 'more-trees-in-the-old-town', poll: 'spring-budget-2026' },
      grant: what === 'grant' && { name: 'Reading helper', agent: 'abcd'.repeat(5), can: ['post', 'comment'], budget: 20, expires: now + 86400, revocation: 'wxyz'.repeat(4) },
    }
  }
  if (what === 'frozen') Object.assign(request, { snapshot: 1300 })
  if (what === 'two') Object.assign(request, { issuers: [vkey] })
  if (what === 'homeless') holder.vault = undefined
  holder.locked = what === 'locked'
  const challenge = new Uint8Array(281)
  challenge[0] = 1
  for (const [at, text] of /** @type {[number, string][]} */ ([[41, rp], [73, 'post'], [105, board]])) challenge.set(await sha256(encode(text)), at)
  challenge.set(digest, 169)
  const view = new DataView(challenge.buffer)
  view.setBigUint64(201, BigInt(now - 5))
  view.setBigUint64(209, BigInt(what === 'late' ? now - 5 : now + 500))
  Object.assign(request, { content_digest: toBase64url(digest), challenge: toBase64url(challenge) })
  const { dialog } = await import('/perhuman/wallet/request.js')
  dialog(holder, main, async () => {
    if (what === 'nobody') throw Object.assign(new Error(''), { code: 'handover_over' })
    return request
  })
}

/** What does not fit in a page, in words: this function runs there. @param {number} least the height in pixels that something to press has */
export function unfit(least) {
  const bad = [], wide = []
  const doc = document.documentElement
  if (doc.scrollWidth > doc.clientWidth) bad.push(`the page is ${doc.scrollWidth - doc.clientWidth} px too wide`)
  const name = (el) => `${el.tagName.toLowerCase()}${el.id ? '#' + el.id : ''}${typeof el.className === 'string' && el.className ? '.' + el.className.trim().replace(/\s+/g, '.') : ''} “${(el.textContent || '').trim().slice(0, 40)}”`
  for (const el of (document.querySelector('dialog[open]') ?? document.body).querySelectorAll('*')) {
    if (!el.checkVisibility() || el.getClientRects().length === 0 || el.closest('svg, .sr') || el.matches('input[type=file], select')) continue
    const { display, overflowX } = getComputedStyle(el)
    if (el.scrollWidth > el.clientWidth + 1 && el.clientWidth > 0 && overflowX === 'visible' && !['inline', 'contents'].includes(display)) wide.push(el)
    if (!el.matches('button, a.button, summary, input:not([type=checkbox], [type=radio]), textarea')) continue
    const { width, height } = el.getBoundingClientRect()
    if (Math.round(height) < least || width < 24) bad.push(`${Math.round(width)} by ${Math.round(height)} px: ${name(el)}`)
  }
  for (const el of wide) if (!wide.some((inner) => inner !== el && el.contains(inner))) bad.push(`${el.scrollWidth - el.clientWidth} px hang out: ${name(el)}`)
  return bad
}
