// The wallet without its looks: the vault, the unlocked secret, the engine
// that proves, and what is known of the issuer. It tells of changes by the
// event 'change'.

import { fromBase64url, toBase64url } from '../bytes.js'
import { Engine } from '../engine.js'
import * as backup from './backup.js'
import { Books } from './books.js'
import * as custody from './custody.js'
import * as db from './db.js'
import { blank } from './life.js'
import { longest } from './limits.js'
import { forget, remember } from './lost.js'
import { keyOf, Reads } from './reads.js'
import { successive } from './sealed.js'

/**
 * @typedef {{name: string, vkey: string, at: string, witnesses?: string[], quorum?: number}} Issuer
 * @typedef {{member: boolean, seq: number, live: number, crowd: number, issued: number, snapshots: number[]}} Membership  issued: when the issuer signed it, unix
 * @typedef {{
 *   origin: string, rp: string, action: string, kind: Kind, len: number, k: number, challenge: string, content_digest: string,
 *   issuers?: string[], all?: boolean, snapshot?: number, min_seq?: number,
 * }} Ask  issuers: the verifier keys that the site accepts, of any one or, with all, of every one of them; snapshot: a frozen set; min_seq: older sets are of no use to the site
 * @typedef {Pick<Ask, 'issuers' | 'all' | 'snapshot' | 'min_seq'>} Choice  what decides who vouches
 * @typedef {{response: string, slot: number, book: import('./books.js').Book}} Proposal
 * @typedef {import('../engine.js').ProofRequest['kind']} Kind
 */

const now = () => Math.floor(Date.now() / 1000)
const idle = 5 * 60_000 // until the wallet locks by itself
/** An issuer that was found to do one of these is not followed any more. */
const broken = ['fork_detected', 'key_unvouched']
/** @param {string} code @param {object} [more] */
const failure = (code, more) => Object.assign(new Error(code), { code, ...more })

export class Holder extends EventTarget {
  /** @type {Issuer[]} */
  issuers = []
  /** @type {custody.Vault | undefined} */
  vault
  /** @type {Books | undefined} */
  books
  /** What is known of each issuer's set, by verifier key. @type {Map<string, Membership>} */
  memberships = new Map()
  /** @type {Map<string, import('./books.js').Enrolment>} */
  enrolments = new Map()
  /** What became of the place in each issuer's set. @type {Map<string, import('./life.js').Life>} */
  lives = new Map()
  /** Why an issuer is not followed any more, by verifier key: one of the codes `broken`, and for a fork both histories and the key that signed them. @type {Map<string, {code: string, evidence?: string, signer?: string}>} */
  broken = new Map()

  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  #secret
  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  #device
  /** @type {Promise<Engine> | undefined} */
  #engine
  #timer = 0
  /** Outlives the lock of this page: see reads.js. @type {Reads | undefined} */
  #reads
  /** @type {Map<string, Promise<void>>} */
  #resumed = new Map()
  /** The issuers whose set the engine has. @type {Set<string>} */
  #held = new Set()
  /** Other windows of this wallet. */
  #others = new BroadcastChannel('perhuman-wallet')

  /** Reads what is stored; starts to load the engine at once. */
  static async start() {
    const holder = new Holder()
    holder.engine().catch(() => {}) // whoever needs it next hears of the failure
    const [config, vault] = await Promise.all([
      fetch('/perhuman/wallet/config.json').then((r) => r.json()), custody.load(),
    ])
    holder.issuers = config.issuers
    holder.vault = vault
    holder.#others.addEventListener('message', ({ data }) => holder.#heard(data))
    for (const type of ['pointerdown', 'keydown']) addEventListener(type, () => holder.#awake(), { passive: true })
    return holder
  }

  get locked() { return this.#secret === undefined }
  /** Whether this person is in the set of any issuer. */
  get member() { return [...this.memberships.values()].some((m) => m.member) }

  /** @returns {Promise<Engine>} the engine, started once; again after it failed */
  engine() {
    if (this.#engine) return this.#engine
    const started = Engine.start({
      workerURL: '/perhuman/worker.js', wasmURL: '/perhuman/dist/wallet.wasm',
      onstage: (stage) => this.dispatchEvent(new CustomEvent('stage', { detail: stage })),
      onend: () => { if (this.#engine === started) this.#forget() }, // also when it died while nobody waited for it
    }).catch((/** @type {unknown} */ err) => {
      this.#forget()
      throw Object.assign(new Error('engine', { cause: err }), { code: 'engine_missing' })
    })
    this.#engine = started
    return started
  }

  /** The next engine is a new one, which holds nothing yet. */
  #forget() {
    this.#engine = undefined
    this.#held.clear()
    this.#resumed.clear()
  }

  /** Forgets an engine that closed itself after a timeout or a crash. @param {unknown} err @returns {never} */
  #failed(err) {
    if (['timeout', 'closed', 'worker_failed'].includes(/** @type {any} */ (err)?.code)) this.#forget()
    throw err
  }

  #changed() { this.dispatchEvent(new Event('change')) }

  #awake() {
    clearTimeout(this.#timer)
    if (this.#secret) this.#timer = window.setTimeout(() => this.lock(), idle)
  }

  /** What another window of this wallet has done. @param {unknown} what */
  async #heard(what) {
    if (what === 'locked') this.lock()
    if (what === 'erased') this.#erased()
    if (what === 'made' && !this.vault) this.vault = await custody.load()
    if (what === 'made') this.#changed()
  }

  /** Locks every window of this wallet. */
  lockAll() {
    this.lock()
    this.#others.postMessage('locked')
  }

  lock() {
    this.#secret?.fill(0)
    this.#secret = undefined
    this.books = undefined
    this.memberships.clear()
    this.enrolments.clear()
    this.lives.clear()
    this.broken.clear()
    this.#resumed.clear()
    clearTimeout(this.#timer)
    this.#changed()
  }

  /** @param {Uint8Array<ArrayBuffer>} secret */
  async #take(secret) {
    this.books = await Books.open(secret)
    this.#reads = await Reads.open(secret)
    await this.books.label([...this.issuers.map(({ vkey }) => vkey), ...await this.#reads.keys()])
    for (const { vkey } of this.issuers) {
      const enrolment = await this.books.enrolment(vkey)
      if (enrolment) this.enrolments.set(vkey, enrolment)
      this.lives.set(vkey, { ...blank(), ...await this.books.life(vkey) })
    }
    this.#device = await db.get('device')
    if (!this.#device) await db.put('device', this.#device = crypto.getRandomValues(new Uint8Array(16)))
    this.#secret = secret
    remember()
    await this.books.tidy(now())
    this.#awake()
    this.#changed()
  }

  #open() {
    if (!this.#secret || !this.books) throw Object.assign(new Error('locked'), { code: 'locked' })
    return { secret: this.#secret, books: this.books }
  }

  /**
   * Makes a vault for a new secret, or for one that was imported.
   * @param {(secret: Uint8Array<ArrayBuffer>) => Promise<custody.Wrapped>} wrap
   * @param {Uint8Array<ArrayBuffer>} [imported]
   * @param {backup.Contents} [contents] what else a file brought
   */
  async create(wrap, imported, contents) {
    const secret = imported ?? new Uint8Array(await (await this.engine()).newKey())
    const vault = { version: /** @type {1} */ (1), created: now(), ways: [await wrap(secret)], backedUp: imported !== undefined }
    await navigator.locks.request('perhuman-vault', async () => {
      const there = await custody.load()
      if (there) { // made in another window: two would forget each other's slots
        this.vault = there
        throw failure('wallet_exists')
      }
      await custody.save(vault)
    })
    await db.persist()
    if (contents) await (await Books.open(secret)).restore(contents)
    this.vault = vault
    await this.#take(secret)
    this.#others.postMessage('made')
  }

  /** Adds another way to open the vault. @param {(secret: Uint8Array<ArrayBuffer>) => Promise<custody.Wrapped>} wrap */
  async addWay(wrap) {
    const { secret } = this.#open()
    if (!this.vault) return
    this.vault.ways.push(await wrap(secret))
    await custody.save(this.vault)
    this.#changed()
  }

  /** @param {custody.Wrapped} way @param {string} passphrase */
  async unlock(way, passphrase) {
    await this.#take(await custody.openWay(way, passphrase))
  }

  /** What goes onto paper: words and code, or the long form of a secret that was imported with another length. */
  async paper() {
    const { secret } = this.#open()
    if (secret.length !== 32) return { long: await (await this.engine()).export(secret) }
    return { words: await backup.toWords(secret, await backup.wordList()), code: await custody.backupCode(secret) }
  }

  /** The encrypted backup file. @param {string} passphrase */
  async file(passphrase) {
    const { secret, books } = this.#open()
    return backup.sealFile({ created: now(), secret: toBase64url(secret), ...await books.contents() }, passphrase)
  }

  /** An address for another device, and the five words that open it. */
  async passage() {
    const { secret } = this.#open()
    const { key, text } = await backup.sealPassage(secret, await backup.wordList(), now())
    return { key, address: `${location.origin}/#bring=${text}` }
  }

  /** The official form of the identity, which every Semaphore v4 program reads. */
  async exported() {
    const { secret } = this.#open()
    return (await this.engine()).export(secret)
  }

  async backedUp() {
    if (!this.vault) return
    this.vault.backedUp = true
    await custody.save(this.vault)
    this.#changed()
  }

  /** Reads words, a backup code, or an identity exported by an official Semaphore client. @param {string} text */
  async read(text) {
    if (backup.areWords(text)) return backup.fromWords(text, await backup.wordList())
    if (/^\s*ph[1il]/i.test(text) && !/[+/=]/.test(text)) return custody.readBackupCode(text)
    return new Uint8Array(await (await this.engine()).import(text.trim()))
  }

  /** @param {string} text of a file @param {string} passphrase @returns {Promise<{secret: Uint8Array<ArrayBuffer>, contents: backup.Contents}>} */
  async readFile(text, passphrase) {
    const contents = await backup.openFile(text, passphrase)
    return { secret: fromBase64url(contents.secret), contents }
  }

  /** @param {string} text @param {string} words */
  async readPassage(text, words) {
    return backup.openPassage(text, words, await backup.wordList(), now())
  }

  async wipe() {
    this.books?.retire()
    this.#reads?.retire()
    this.#others.postMessage('erased')
    this.lock()
    await db.wipe()
    forget()
    this.#erased()
  }

  /** Nothing of the wallet is left, and nothing that was under way may leave anything behind. */
  #erased() {
    this.books?.retire()
    this.#reads?.retire()
    this.#reads = undefined
    this.vault = undefined
    this.lock()
  }

  async identity() {
    const { secret } = this.#open()
    return (await this.engine()).identity(secret)
  }

  /** Signs that this wallet holds the identity. @param {Issuer} issuer @param {string} nonce @param {'enrol' | 'recover' | 'delete'} [purpose] */
  async possess(issuer, nonce, purpose = 'enrol') {
    const { secret } = this.#open()
    return (await this.engine()).possession(secret, { nonce, issuer: issuer.name, purpose })
  }

  /** Signs against a recovery of this place. @param {Issuer} issuer @param {number} announcement its number in the log */
  async veto(issuer, announcement) {
    const { secret } = this.#open()
    return (await this.engine()).veto(secret, { announcement, issuer: issuer.name })
  }

  /** What the log says about this identity, from an entry on. Call it after sync. @param {Issuer} issuer @param {number} from */
  async events(issuer, from) {
    const { secret } = this.#open()
    return (await this.engine()).events(secret, { issuer: issuer.vkey, from }).catch((err) => this.#failed(err))
  }

  /** @param {Issuer} issuer */
  life(issuer) { return this.lives.get(issuer.vkey) ?? blank() }

  /** Changes what is known of a place, and writes it down. @param {Issuer} issuer @param {(life: import('./life.js').Life) => void} change */
  async keepLife(issuer, change) {
    const { books } = this.#open()
    await navigator.locks.request('perhuman-life', async () => {
      const life = { ...blank(), ...await books.life(issuer.vkey) } // another tab may know more
      change(life)
      await books.keepLife(issuer.vkey, life)
      if (!this.locked) this.lives.set(issuer.vkey, life)
    })
    this.#changed()
  }

  /** @param {Issuer} issuer @param {string} id @param {string} receipt */
  async enrolled(issuer, id, receipt) {
    const { books } = this.#open()
    const enrolment = { id, receipt, enrolled: now(), issuer: issuer.vkey }
    this.enrolments.set(issuer.vkey, enrolment)
    await books.keepEnrolment(issuer.vkey, enrolment)
    this.#changed()
  }

  /**
   * Reads an issuer's log and set: with readSets, all network traffic of a proof. The person asked for it, or it is
   * the wallet's own time; never call it because a site asked.
   * @param {Issuer} issuer
   */
  async sync(issuer) {
    this.#open()
    await navigator.locks.request('perhuman-read', () => this.#sync(issuer))
    const at = this.memberships.get(issuer.vkey)?.issued ?? now()
    if (now() - at > longest) throw failure('issuer_silent', { at })
  }

  /** @param {Issuer} issuer */
  async #sync(issuer) {
    const { secret, books } = this.#open()
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
    const { secret } = this.#open()
    const kept = await this.#kept(issuer)
    const engine = await this.engine()
    if (!kept?.paths.length || this.#held.has(issuer.vkey) && this.memberships.has(issuer.vkey)) return
    const seen = await engine.resume(secret, { ...this.#about(issuer), state: kept.state, paths: kept.paths })
      .catch((err) => (['request_invalid', 'not_synced'].includes(err?.code) ? undefined : this.#failed(err))) // what does not fit any more is read anew
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
        this.#changed()
      }
      if (code === 'roots_stale') throw failure('clock_behind_issuer')
      this.#failed(err)
    }
  }

  /**
   * Follows an issuer from the beginning of its log, as if it had never been seen: because the person says so, who knows
   * from elsewhere that its new key is right. Used slots and the history do not depend on it.
   * @param {Issuer} issuer
   */
  async renew(issuer) {
    this.#open()
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
    this.#changed()
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
    if (known.length === 0 || all && known.length < issuers.length) throw Object.assign(new Error('issuer'), { code: 'issuer_unknown' })
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
    const { secret } = this.#open()
    const accepted = this.accepted(ask)
    let last
    for (const issuer of accepted) await this.sync(issuer).catch((err) => { last = err })
    if (last && (ask.all || !accepted.some((i) => this.young(i, ask)))) throw last
    if (!ask.snapshot || this.locked) return
    const engine = await this.engine()
    for (const issuer of this.vouching(ask)) {
      const { paths } = await engine.freeze(secret, { issuer: issuer.vkey, seq: ask.snapshot }).catch((err) => this.#failed(err))
      const known = this.memberships.get(issuer.vkey), kept = await this.#kept(issuer)
      if (!known || !kept) continue
      known.snapshots = [...new Set([...known.snapshots, ask.snapshot])]
      await this.#reads?.keep(issuer.vkey, { state: kept.state, paths, snapshots: known.snapshots })
    }
  }

  /** The question as the engine takes it, with the slots used before. @param {Ask} ask */
  async #request(ask) {
    const { books } = this.#open()
    const { origin, action, kind, len, k, challenge, content_digest, snapshot } = ask
    const [first, ...rest] = this.vouching(ask).map((i) => i.vkey)
    const request = { origin, action, kind, len, k, challenge, content_digest, snapshot, issuer: first, also: rest }
    const { rp, period } = await (await this.engine()).book(request)
    const book = { rp, action, start: period.start, len: period.len }
    return { book, request: { ...request, used: kind === 'returning' ? [] : await books.used(book) } }
  }

  /** Reads what a proof will be bound to. @param {Ask} ask @param {{kind: string, bytes: string}} content */
  async bound({ origin, content_digest }, { kind, bytes }) {
    return (await this.engine()).bound({ origin, content_digest, kind, bytes: fromBase64url(bytes) })
  }

  /** What answering would mean: slots left, crowd. Refuses where answering would. @param {Ask} ask */
  async prepare(ask) {
    const { secret } = this.#open()
    const { request } = await this.#request(ask)
    return (await this.engine()).prepare(secret, request)
  }

  /**
   * Makes the proof and shows it to nobody: while the person still reads. Nothing is written down; a proposal that is
   * thrown away was never there.
   * @param {Ask} ask @returns {Promise<Proposal>}
   */
  async propose(ask) {
    const { secret } = this.#open()
    const { book, request } = await this.#request(ask)
    const made = await (await this.engine()).prove(secret, request).catch((err) => this.#failed(err))
    return { response: made.response, slot: made.slot, book }
  }

  /**
   * Answers a question, without the network. The slot is on disk as used
   * before the response is returned; tabs of this wallet take turns.
   * @param {Ask} ask @param {Proposal} [proposal] made before; another is made if its slot was used meanwhile, or its period has ended
   * @param {() => void} [onmade] called when the proof is there and the slot is not yet written
   * @returns {Promise<string>}
   */
  async answer(ask, proposal, onmade) {
    const { books } = this.#open()
    return navigator.locks.request('perhuman-slots', async () => {
      const { book, request } = await this.#request(ask)
      const taken = proposal && proposal.book.start === book.start && request.used.includes(proposal.slot)
      if (taken) await this.cancel() // by another window; the engine would send the same again for the same challenge, so it starts anew
      const fits = proposal?.book.start === book.start && !taken
      if (!fits) await this.gather(ask) // an engine that took the place of another holds nothing yet
      const { response, slot } = fits ? proposal : await this.propose(ask)
      onmade?.()
      const act = { at: now(), rp: book.rp, action: ask.action, kind: ask.kind, len: ask.len, k: ask.k, issuer: this.vouching(ask).map((i) => i.name).join(', ') }
      try {
        if (ask.kind === 'returning') await books.note(act)
        else await books.spend(book, slot, act)
      } catch (err) {
        throw Object.assign(new Error('slot', { cause: err }), { code: 'store_unavailable' })
      }
      return response
    })
  }

  /** Ends a proof that is being made. */
  async cancel() {
    const engine = this.#engine
    this.#forget()
    ;(await engine?.catch(() => undefined))?.close()
  }
}
