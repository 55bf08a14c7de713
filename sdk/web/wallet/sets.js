// What is known of the issuers: their sets as this wallet has read them, the
// place in each, and why one is not followed any more.

import * as db from './db.js'
import { blank } from './life.js'
import { longest } from './limits.js'
import { keyOf, Reads } from './reads.js'
import { failure, now, Vault } from './vault.js'

/**
 * @typedef {{name: string, vkey: string, at: string, witnesses?: string[], quorum?: number}} Issuer
 * @typedef {{member: boolean, seq: number, live: number, crowd: number, issued: number, snapshots: number[]}} Membership  issued: when the issuer signed it, unix
 */

/** An issuer that was found to do one of these is not followed any more. */
const broken = ['fork_detected', 'key_unvouched']

export class Sets extends Vault {
  /** @type {Issuer[]} */
  issuers = []
  /** What is known of each issuer's set, by verifier key. @type {Map<string, Membership>} */
  memberships = new Map()
  /** @type {Map<string, import('./books.js').Enrolment>} */
  enrolments = new Map()
  /** What became of the place in each issuer's set. @type {Map<string, import('./life.js').Life>} */
  lives = new Map()
  /** Why an issuer is not followed any more, by verifier key: one of the codes `broken`, and for a fork both histories and the key that signed them. @type {Map<string, {code: string, evidence?: string, signer?: string}>} */
  broken = new Map()

  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  #device
  /** Outlives the lock of this page: see reads.js. @type {Reads | undefined} */
  #reads
  /** @type {Map<string, Promise<void>>} */
  #resumed = new Map()
  /** The issuers whose set the engine has. @type {Set<string>} */
  #held = new Set()

  /** @override @param {Uint8Array<ArrayBuffer>} secret @param {import('./books.js').Books} books */
  async opened(secret, books) {
    this.#reads = await Reads.open(secret)
    await books.label([...this.issuers.map(({ vkey }) => vkey), ...await this.#reads.keys()])
    for (const { vkey } of this.issuers) {
      const enrolment = await books.enrolment(vkey)
      if (enrolment) this.enrolments.set(vkey, enrolment)
      this.lives.set(vkey, { ...blank(), ...await books.life(vkey) })
    }
    this.#device = await db.get('device')
    if (!this.#device) await db.put('device', this.#device = crypto.getRandomValues(new Uint8Array(16)))
  }

  /** @override */
  closed() {
    for (const known of [this.memberships, this.enrolments, this.lives, this.broken, this.#resumed]) known.clear()
  }

  /** @override */
  retired() {
    super.retired()
    this.#reads?.retire()
  }

  /** @override */
  erased() { this.#reads = undefined }

  /** @override */
  engineless() {
    this.#held.clear()
    this.#resumed.clear()
  }

  /** Whether this person is in the set of any issuer. */
  get member() { return [...this.memberships.values()].some((m) => m.member) }

  /** What the log says about this identity, from an entry on. Call it after sync. @param {Issuer} issuer @param {number} from */
  async events(issuer, from) {
    const { secret } = this.open()
    return (await this.engine()).events(secret, { issuer: issuer.vkey, from }).catch((err) => this.failed(err))
  }

  /** @param {Issuer} issuer */
  life(issuer) { return this.lives.get(issuer.vkey) ?? blank() }

  /** Changes what is known of a place, and writes it down. @param {Issuer} issuer @param {(life: import('./life.js').Life) => void} change */
  async keepLife(issuer, change) {
    const { books } = this.open()
    await navigator.locks.request('perhuman-life', async () => {
      const life = { ...blank(), ...await books.life(issuer.vkey) } // another tab may know more
      change(life)
      await books.keepLife(issuer.vkey, life)
      if (!this.locked) this.lives.set(issuer.vkey, life)
    })
    this.changed()
  }

  /** @param {Issuer} issuer @param {string} id @param {string} receipt */
  async enrolled(issuer, id, receipt) {
    const { books } = this.open()
    const enrolment = { id, receipt, enrolled: now(), issuer: issuer.vkey }
    this.enrolments.set(issuer.vkey, enrolment)
    await books.keepEnrolment(issuer.vkey, enrolment)
    this.changed()
  }

  /**
   * Reads an issuer's log and set: with readSets, all network traffic of a proof. The person asked for it, or it is
   * the wallet's own time; never call it because a site asked.
   * @param {Issuer} issuer
   */
  async sync(issuer) {
    this.open()
    await navigator.locks.request('perhuman-read', () => this.#sync(issuer))
    const at = this.memberships.get(issuer.vkey)?.issued ?? now()
    if (now() - at > longest) throw failure('issuer_silent', { at })
  }

  /** @param {Issuer} issuer */
  async #sync(issuer) {
    const { secret, books } = this.open()
    const engine = await this.engine(), kept = await this.#kept(issuer)
    const state = kept ? (kept.state.length ? kept.state : undefined) : await books.state(issuer.vkey)
    await this.#took(issuer, engine.sync(secret, { ...this.#about(issuer), state }))
  }

  /** The same in the background, also while the wallet is locked. If another window is reading, that is enough. @param {Issuer} issuer */
  async refresh(issuer) {
    await navigator.locks.request('perhuman-read', { ifAvailable: true }, async (lock) => {
      if (!lock || !this.#reads) return
      if (!this.locked) await this.#sync(issuer)
      else if (this.#held.has(issuer.vkey)) await this.#took(issuer, (await this.engine()).again({ issuer: issuer.vkey }))
    })
  }

  /** Takes back what was read before, once: no word to the issuer. @param {Issuer} issuer */
  resume(issuer) {
    const started = this.#resumed.get(issuer.vkey)
    if (started) return started
    const resumed = this.#resume(issuer)
    this.#resumed.set(issuer.vkey, resumed)
    resumed.catch(() => this.#resumed.delete(issuer.vkey))
    return resumed
  }

  /** @param {Issuer} issuer */
  async #resume(issuer) {
    const { secret } = this.open()
    const kept = await this.#kept(issuer)
    const engine = await this.engine()
    if (!kept?.paths.length || this.#held.has(issuer.vkey) && this.memberships.has(issuer.vkey)) return
    const seen = await engine.resume(secret, { ...this.#about(issuer), state: kept.state, paths: kept.paths })
      .catch((err) => (['request_invalid', 'not_synced'].includes(err?.code) ? undefined : this.failed(err))) // what does not fit any more is read anew
    if (seen) this.#know(issuer, seen, kept.snapshots)
  }

  /** What a damaged record held is read anew. @param {Issuer} issuer */
  async #kept(issuer) {
    return this.#reads?.load(issuer.vkey).catch(() => undefined)
  }

  /** @param {Issuer} issuer */
  #about({ vkey, at, witnesses, quorum }) {
    return { issuer: vkey, at, witnesses, quorum, device: this.#device, zkey: new URL('/perhuman/semaphore-20.zkey', location.href).href }
  }

  /** Keeps what a reading has brought. @param {Issuer} issuer @param {Promise<import('../engine.js').SyncStatus>} reading */
  async #took(issuer, reading) {
    reading.catch(() => {}) // heard below, and not before what was kept is read
    const reads = this.#reads, kept = await this.#kept(issuer)
    const snapshots = this.memberships.get(issuer.vkey)?.snapshots ?? []
    try {
      const seen = await reading
      await reads?.keep(issuer.vkey, { ...seen, snapshots })
      this.#know(issuer, seen, snapshots)
    } catch (err) {
      const state = /** @type {any} */ (err)?.state // what a failed read proved stays known, a fork above all
      if (state instanceof Uint8Array) await reads?.keep(issuer.vkey, { paths: kept?.paths ?? new Uint8Array(), snapshots, state })
      const { code, evidence } = /** @type {any} */ (err)
      if (broken.includes(code) && !this.locked) {
        this.broken.set(issuer.vkey, { code, evidence, signer: state && keyOf(state) })
        this.memberships.delete(issuer.vkey)
        this.changed()
      }
      if (code === 'roots_stale') throw failure('clock_behind_issuer')
      this.failed(err)
    }
  }

  /**
   * Follows an issuer from the beginning of its log, as if it had never been seen: because the person says so, who knows
   * from elsewhere that its new key is right. Used slots and the history do not depend on it.
   * @param {Issuer} issuer
   */
  async renew(issuer) {
    this.open()
    await this.cancel()
    await navigator.locks.request('perhuman-read', async () => {
      await this.#reads?.renew(issuer.vkey)
      await this.keepLife(issuer, (life) => Object.assign(life, { events: [], from: 0, next: 0 }))
      this.broken.delete(issuer.vkey)
    })
  }

  /** @param {Issuer} issuer @param {import('../engine.js').SyncStatus} seen @param {number[]} snapshots */
  #know({ vkey }, { member, seq, live, crowd, issued }, snapshots) {
    this.#held.add(vkey)
    if (this.locked) return
    this.broken.delete(vkey)
    this.memberships.set(vkey, { member, seq, live, crowd, issued, snapshots })
    this.changed()
  }

  /** Reads the set as it was frozen once. @param {Issuer} issuer @param {number} seq */
  async freeze(issuer, seq) {
    const { secret } = this.open()
    const { paths } = await (await this.engine()).freeze(secret, { issuer: issuer.vkey, seq }).catch((err) => this.failed(err))
    const known = this.memberships.get(issuer.vkey), kept = await this.#kept(issuer)
    if (!known || !kept) return
    known.snapshots = [...new Set([...known.snapshots, seq])]
    await this.#reads?.keep(issuer.vkey, { state: kept.state, paths, snapshots: known.snapshots })
  }
}
