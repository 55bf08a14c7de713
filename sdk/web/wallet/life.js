// What becomes of a place in an issuer's set: what the public log says of it,
// what the issuer answers, and the receipts that are kept. Everything here is
// asked for when the person looks at the wallet, and never when a site asks.

/**
 * @typedef {import('./holder.js').Holder} Holder
 * @typedef {import('./holder.js').Issuer} Issuer
 * @typedef {{op: string, record: number, leaf: number, day: number}} Event  day: days since 1970
 * @typedef {'enrolment' | 'recovery' | 'veto' | 'deletion' | 'tombstone'} Kind
 * @typedef {{kind: Kind, id: string, at: number, receipt: string, proof?: string, issuer?: string}} Receipt  receipt: what the issuer signed, base64url; proof: its entry in the log; issuer: the key that signed it
 * @typedef {{
 *   id?: string, status: string, code?: string, receipt?: string, root_proof?: string, announcement?: number,
 *   announced_at?: number, veto_until?: number, out_at?: number, boundary?: number, due?: number, effective_at?: number,
 * }} Recovery
 * @typedef {{id: string, status: string, receipt: string, reentry_at: number, root_proof?: string, destroyed_at?: number, tombstone?: string}} Deletion
 * @typedef {{rekey_period: number, cooldown: number, reentry_delay: number}} Times  seconds; rekey_period 0: no recoveries
 * @typedef {{
 *   events: Event[], from: number, next: number, receipts: Receipt[], recovery?: Recovery, taking?: Recovery, deletion?: Deletion, issuer?: string,
 * }} Life  from, next: the stretch of the log that was read; recovery: asked for here; taking: somebody takes over this place
 */

/** @returns {Life} */
export const blank = () => ({ events: [], from: 0, next: 0, receipts: [] })

/** @param {string} code */
const failure = (code) => Object.assign(new Error(code), { code })

/** Asks the issuer. No cookies, no Referer: nothing but what is signed says who asks. @param {Issuer} issuer @param {string} path @param {unknown} [body] @returns {Promise<any>} */
async function ask(issuer, path, body) {
  let answer, said
  try {
    answer = await fetch(issuer.at + path, {
      method: body === undefined ? 'GET' : 'POST', credentials: 'omit', referrerPolicy: 'no-referrer', redirect: 'error', cache: 'no-store',
      signal: AbortSignal.timeout(30_000),
      ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    })
    said = await answer.json()
  } catch {
    throw failure('source_unavailable')
  }
  if (!answer.ok) throw failure(String(said.code ?? 'source_unavailable'))
  return said
}

/** The issuer's waiting times. @param {Issuer} issuer @returns {Promise<Times>} */
export async function times(issuer) {
  const { rekey_period = 0, cooldown = 0, reentry_delay = 0 } = await ask(issuer, '/.well-known/perhuman-issuer.json')
  return { rekey_period, cooldown, reentry_delay }
}

/** What is kept of an answer. @param {Recovery} r @returns {Recovery} */
const state = ({ id, status, code, announcement, announced_at, veto_until, out_at, boundary, due, effective_at }) =>
  ({ id, status, code, announcement, announced_at, veto_until, out_at, boundary, due, effective_at })

/** Keeps a receipt, once; a proof that comes later joins it. @param {Life} life @param {Receipt} r */
function keep(life, r) {
  const have = life.receipts.find((x) => x.receipt === r.receipt)
  if (!have) life.receipts.push(r)
  else if (r.proof) have.proof = r.proof
}

/** The newest event of a kind. @param {Life} life @param {string[]} ops */
export const last = (life, ...ops) => life.events.filter((e) => ops.includes(e.op)).at(-1)

/** An announcement that the log does not show the end of. @param {Life} life */
export function announcement(life) {
  const e = last(life, 'rekey_announced')
  return e && !life.events.some((x) => x.record > e.record && ['rekey_out', 'remove'].includes(x.op)) ? e : undefined
}

const open = ['waiting', 'announced', 'out']

/** Whether the recovery that was asked for here goes on. @param {Life} life */
export const recovering = (life) => Boolean(life.recovery && open.includes(life.recovery.status))

/**
 * Brings what is known up to date: the log first, then the issuer about what is under way. What it does not answer
 * stays as it was. Call it after holder.sync.
 * @param {Holder} holder @param {Issuer} issuer
 */
export async function look(holder, issuer) {
  const before = holder.life(issuer)
  const { list, from, next } = await holder.events(issuer, before.next)
  await holder.keepLife(issuer, (life) => {
    if (life.next === 0) life.from = from
    life.events.push(...list.filter((e) => e.record >= life.next))
    life.next = Math.max(life.next, next)
  })
  const late = await Promise.allSettled([enrolment(holder, issuer), recovery(holder, issuer), deletion(holder, issuer), taking(holder, issuer)])
  const missing = late.find((r) => r.status === 'rejected')
  if (missing?.status === 'rejected' && missing.reason?.code !== 'not_found') throw missing.reason
}

/** The log's entry of the enrolment, asked for once. @param {Holder} holder @param {Issuer} issuer */
async function enrolment(holder, issuer) {
  const enrolled = holder.enrolments.get(issuer.vkey)
  if (!enrolled?.receipt) return
  const have = holder.life(issuer).receipts.find((r) => r.receipt === enrolled.receipt)
  const proof = have?.proof || !last(holder.life(issuer), 'enrol') ? undefined : (await ask(issuer, `/v1/enrolments/${enrolled.id}`)).root_proof
  if (!have || proof) {
    await holder.keepLife(issuer, (life) => keep(life, { kind: 'enrolment', issuer: enrolled.issuer ?? issuer.vkey, id: enrolled.id, at: enrolled.enrolled, receipt: enrolled.receipt, ...(proof ? { proof } : {}) }))
  }
}

/** @param {Holder} holder @param {Issuer} issuer */
async function recovery(holder, issuer) {
  const mine = holder.life(issuer).recovery
  if (!mine?.id || !recovering(holder.life(issuer))) return
  await recovered(holder, issuer, await ask(issuer, `/v1/recoveries/${mine.id}`))
}

/** Notes how far the recovery is that was asked for here. @param {Holder} holder @param {Issuer} issuer @param {Recovery} r */
export async function recovered(holder, issuer, r) {
  const { receipt, root_proof: proof } = r
  await holder.keepLife(issuer, (life) => {
    life.recovery = state(r)
    if (r.id && receipt) keep(life, { kind: 'recovery', issuer: issuer.vkey, id: r.id, at: Math.floor(Date.now() / 1000), receipt, ...(proof ? { proof } : {}) })
  })
}

/** @param {Holder} holder @param {Issuer} issuer */
async function deletion(holder, issuer) {
  const kept = holder.life(issuer).receipts.filter((r) => r.kind === 'deletion').at(-1)
  if (!kept || holder.life(issuer).deletion?.destroyed_at) return
  await deleted(holder, issuer, await ask(issuer, `/v1/deletions/${kept.id}`))
}

/** @param {Holder} holder @param {Issuer} issuer @param {Deletion} d */
async function deleted(holder, issuer, d) {
  const { root_proof: proof, tombstone, ...rest } = d
  await holder.keepLife(issuer, (life) => {
    life.deletion = rest
    const at = Math.floor(Date.now() / 1000), more = proof ? { proof } : {}
    keep(life, { kind: 'deletion', issuer: issuer.vkey, id: d.id, at, receipt: d.receipt, ...more })
    if (tombstone) keep(life, { kind: 'tombstone', issuer: issuer.vkey, id: d.id, at: d.destroyed_at ?? at, receipt: tombstone, ...more })
  })
}

/** How far a recovery of this place is that the log announced. @param {Holder} holder @param {Issuer} issuer */
async function taking(holder, issuer) {
  const e = announcement(holder.life(issuer))
  const known = holder.life(issuer).taking
  if (!e || known?.announcement === e.record && !open.includes(known.status)) return
  const said = /** @type {Recovery} */ (await ask(issuer, `/v1/recoveries/${e.record}`).catch((err) => {
    if (err.code === 'not_found' || err.code === 'recovery_over') return { status: 'refused', announcement: e.record }
    throw err
  }))
  await holder.keepLife(issuer, (life) => { life.taking = state(said) })
}

/** Stops somebody's recovery of this place, and keeps the receipt. @param {Holder} holder @param {Issuer} issuer */
export async function veto(holder, issuer) {
  const e = announcement(holder.life(issuer))
  if (!e) throw failure('recovery_over')
  const { public_key, signature } = await holder.veto(issuer, e.record)
  const said = /** @type {Recovery} */ (await ask(issuer, `/v1/recoveries/${e.record}/veto`, { public_key, signature }))
  await holder.keepLife(issuer, (life) => {
    life.taking = state(said)
    if (said.receipt) keep(life, { kind: 'veto', issuer: issuer.vkey, id: String(e.record), at: Math.floor(Date.now() / 1000), receipt: said.receipt })
  })
}

/** Leaves the set, at once and for good. @param {Holder} holder @param {Issuer} issuer */
export async function leave(holder, issuer) {
  const { nonce } = await ask(issuer, '/v1/sessions', {})
  const { public_key, signature } = await holder.possess(issuer, nonce, 'delete')
  await deleted(holder, issuer, await ask(issuer, '/v1/deletions', { session: nonce, public_key, signature }))
}

/**
 * What the place is, in one word.
 * @param {Holder} holder @param {Issuer} issuer
 * @returns {'broken' | 'member' | 'left' | 'recovering' | 'stopped' | 'moved' | 'removed' | 'waiting' | 'none'}
 */
export function standing(holder, issuer) {
  if (holder.broken.has(issuer.vkey)) return 'broken'
  const life = holder.life(issuer)
  const again = (holder.enrolments.get(issuer.vkey)?.enrolled ?? 0) > (life.deletion?.destroyed_at ?? Infinity)
  if (life.deletion && !again) return 'left'
  if (holder.memberships.get(issuer.vkey)?.member) return 'member'
  if (recovering(life) || life.recovery?.status === 'committed') return 'recovering'
  if (last(life, 'rekey_out')) return 'moved'
  if (!again && last(life, 'remove')) return 'removed'
  if (life.recovery) return 'stopped'
  return holder.enrolments.has(issuer.vkey) ? 'waiting' : 'none'
}
