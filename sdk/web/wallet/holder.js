// The wallet without its looks: who of the issuers vouches for an answer, what
// an answer means, and the answer. What is known of issuers is in sets.js, the
// secret and the engine in vault.js.

import { fromBase64url } from '../bytes.js'
import { readChallenge } from '../challenge.js'
import { turns } from './books.js'
import { longest } from './limits.js'
import { successive } from './sealed.js'
import { Sets } from './sets.js'
import { failure, now } from './vault.js'

/**
 * @typedef {import('./sets.js').Issuer} Issuer
 * @typedef {{
 *   origin: string, rp: string, action: string, kind: Kind, len: number, k: number, challenge: string, content_digest: string,
 *   issuers?: string[], all?: boolean, snapshot?: number, min_seq?: number,
 * }} Ask  issuers: the verifier keys that the site accepts, of any one or, with all, of every one of them; snapshot: a frozen set; min_seq: older sets are of no use to the site
 * @typedef {Pick<Ask, 'issuers' | 'all' | 'snapshot' | 'min_seq'>} Choice  what decides who vouches
 * @typedef {{response: string, slot: number, book: import('./books.js').Book}} Proposal
 * @typedef {import('../engine.js').ProofRequest['kind']} Kind
 */

export class Holder extends Sets {
  /** Reads what is stored; starts to load the engine at once. */
  static async start() {
    const holder = new Holder()
    holder.engine().catch(() => {}) // whoever needs it next hears of the failure
    const [config] = await Promise.all([fetch('/perhuman/wallet/config.json').then((r) => r.json()), holder.load()])
    holder.issuers = config.issuers
    return holder
  }

  /**
   * The issuers that are to vouch for an answer: of those that the site accepts, one that has this person in its set, or
   * with all every one. Refuses if the site accepts none that this wallet knows. Call it after sync.
   * @param {Choice} ask @returns {Issuer[]}
   */
  vouching(ask) {
    const known = this.accepted(ask), members = known.filter(({ vkey }) => this.memberships.get(vkey)?.member)
    return ask.all ? known : [members.find((i) => this.young(i, ask)) ?? members[0] ?? known[0]]
  }

  /**
   * The issuers that a site accepts and this wallet knows, in the site's order. While an issuer changes its key the two
   * may name it by one key each: it is the same by its name, and this wallet follows it under the key that it knows.
   * @param {Choice} ask
   */
  accepted({ issuers, all }) {
    if (!issuers) return this.issuers
    const find = (/** @type {string} */ vkey) => this.issuers.find((i) => i.vkey === vkey) ?? this.issuers.find((i) => successive(i.vkey, vkey))
    const known = [...new Set(issuers.map(find))].filter((i) => i !== undefined)
    if (known.length === 0 || all && known.length < issuers.length) throw failure('issuer_unknown')
    return known
  }

  /** Whether a set is young enough to prove under, for a site; a frozen one does not age. @param {Issuer} issuer @param {Choice} ask */
  young({ vkey }, { snapshot, min_seq = 0 }) {
    const known = this.memberships.get(vkey), age = now() - (known?.issued ?? 0)
    return known !== undefined && (Boolean(snapshot) || age < longest && age > -30 && known.seq >= min_seq)
  }

  /**
   * Collects what an answer needs out of what was read before; asks nobody. Refuses with set_unread if that is not enough.
   * @param {Ask} ask
   */
  async gather(ask) {
    const accepted = this.accepted(ask)
    for (const issuer of accepted) await this.resume(issuer)
    const holds = accepted.filter((i) => this.young(i, ask))
    const enough = ask.all ? holds.length === accepted.length : holds.some(({ vkey }) => this.memberships.get(vkey)?.member) || holds.length === accepted.length
    const frozen = !ask.snapshot || this.vouching(ask).every(({ vkey }) => this.memberships.get(vkey)?.snapshots.includes(/** @type {number} */ (ask.snapshot)))
    if (!enough || !frozen) throw failure('set_unread')
  }

  /** Reads what an answer needs: the sets of the accepted issuers, and the frozen one. Only after a click. @param {Ask} ask */
  async readSets(ask) {
    this.open()
    const accepted = this.accepted(ask)
    let last
    for (const issuer of accepted) await this.sync(issuer).catch((err) => { last = err })
    if (last && (ask.all || !accepted.some((i) => this.young(i, ask)))) throw last
    if (!ask.snapshot || this.locked) return
    for (const issuer of this.vouching(ask)) await this.freeze(issuer, ask.snapshot)
  }

  /** The question as the engine takes it, with the slots used before. @param {Ask} ask */
  async #request(ask) {
    const { books } = this.open()
    const { origin, action, kind, len, k, challenge, content_digest, snapshot } = ask
    const [first, ...rest] = this.vouching(ask).map((i) => i.vkey)
    const request = { origin, action, kind, len, k, challenge, content_digest, snapshot, issuer: first, also: rest }
    const { rp, period } = await (await this.engine()).book(request)
    const book = { rp, action, start: period.start, len: period.len }
    const counted = kind !== 'returning' // its one slot is meant to be seen again
    const used = counted ? await books.used(book) : [], again = counted ? await books.shown(book, challenge) : undefined
    return { book, again, request: { ...request, used: used.filter((slot) => slot !== again?.slot) } }
  }

  /** Reads what a proof will be bound to. @param {Ask} ask @param {{kind: string, bytes: string}} content */
  async bound({ origin, content_digest }, { kind, bytes }) {
    return (await this.engine()).bound({ origin, content_digest, kind, bytes: fromBase64url(bytes) })
  }

  /** What answering would mean: slots left, crowd. Refuses where answering would. @param {Ask} ask */
  async prepare(ask) {
    const { secret } = this.open()
    const { request } = await this.#request(ask)
    return (await this.engine()).prepare(secret, request)
  }

  /**
   * Makes the proof and shows it to nobody: while the person still reads. Nothing is written down; a proposal that is
   * thrown away was never there.
   * @param {Ask} ask @returns {Promise<Proposal>}
   */
  async propose(ask) {
    const { secret } = this.open()
    const { book, request } = await this.#request(ask)
    const made = await (await this.engine()).prove(secret, request).catch((err) => this.failed(err))
    return { response: made.response, slot: made.slot, book }
  }

  /**
   * Answers a question, without the network. The slot is on disk as used
   * before the response is returned; tabs of this wallet take turns. What was
   * answered before is answered the same.
   * @param {Ask} ask @param {Proposal} [proposal] made before; another is made if its slot was used meanwhile, or its period has ended
   * @param {() => void} [onmade] called when the proof is there and the slot is not yet written
   * @returns {Promise<string>}
   */
  async answer(ask, proposal, onmade) {
    const { books } = this.open()
    return navigator.locks.request(turns, async () => {
      const { book, request, again } = await this.#request(ask)
      if (again) {
        onmade?.()
        return again.response
      }
      const taken = proposal && proposal.book.start === book.start && request.used.includes(proposal.slot)
      if (taken) await this.cancel() // by another window; the engine would send the same again for the same challenge, so it starts anew
      const fits = proposal?.book.start === book.start && !taken
      if (!fits) await this.gather(ask) // an engine that took the place of another holds nothing yet
      const { response, slot } = fits ? proposal : await this.propose(ask)
      onmade?.()
      const act = { at: now(), rp: book.rp, action: ask.action, kind: ask.kind, len: ask.len, k: ask.k, issuer: this.vouching(ask).map((i) => i.name).join(', ') }
      try {
        if (ask.kind === 'returning') await books.note(act)
        else await books.spend(book, { slot, response, until: readChallenge(ask.challenge).expires }, act)
      } catch (err) {
        throw Object.assign(new Error('slot', { cause: err }), { code: 'store_unavailable' })
      }
      return response
    })
  }
}
