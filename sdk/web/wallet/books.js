// What the wallet must not forget: which slots it has used, and what it knows
// of issuers; and what the person may want to look up: the history. Records are
// encrypted and the names of slot pages are keyed hashes, so whoever copies the
// browser's storage learns neither where this person acted nor how often. A page
// of slots does not say of itself what it is about: the history does, and can be
// erased without the wallet losing count. What is known of an issuer outlives its
// keys: records carry the key they were written under, and are found by its name.

import { encode, toBase64url } from '../bytes.js'
import * as db from './db.js'
import { blank } from './life.js'
import { Sealed, successive } from './sealed.js'

/**
 * @typedef {{rp: string, action: string, start: number, len: number}} Book
 * @typedef {{slot: number, response: string, until: number}} Shown  until: when its challenge is over
 * @typedef {{until: number, used: number[], shown?: Shown[]}} Page  until: end of the period, 0 for ever; shown: while their challenges last
 * @typedef {{id: string, receipt: string, enrolled: number, issuer?: string}} Enrolment  issuer: the key it was made under
 * @typedef {import('./backup.js').Act} Act
 */

/** Pages of periods that ended this long ago, in seconds, are dropped: longer than any clock is wrong. */
const keep = 90 * 86400
/** The lock of whoever reads a page of slots and writes it again: a slot that another window takes meanwhile would be lost. */
export const turns = 'perhuman-slots'

export class Books {
  #sealed

  /** @param {Sealed} sealed */
  constructor(sealed) { this.#sealed = sealed }

  /** @param {Uint8Array<ArrayBuffer>} secret */
  static async open(secret) { return new Books(await Sealed.open(secret, 'perhuman/books')) }

  /** Writes nothing from now on: the wallet is erased. */
  retire() { this.#sealed.retire() }

  /** @param {string} kind @param {unknown} what */
  #name(kind, what) { return this.#sealed.name(kind, kind + '\0' + JSON.stringify(what)) }

  /** @param {string} name @returns {Promise<any>} */
  async #read(name) {
    const plain = await this.#sealed.get(name)
    return plain && parse(plain)
  }

  /** @param {string} name @param {unknown} value @param {string[]} [gone] */
  async #write(name, value, gone) { await this.#sealed.put([[name, encode(JSON.stringify(value))]], gone) }

  /** Records of one kind that this secret opens. @param {string} kind @returns {Promise<[string, any][]>} */
  async #all(kind) { return (await this.#sealed.all(kind)).map(([name, plain]) => [name, parse(plain)]) }

  /** What the page of a book is called. @param {Book} book */
  name({ rp, action, start, len }) {
    return this.#name('book', [rp, action, start, len])
  }

  /** Slots used in a book. @param {Book} book @returns {Promise<number[]>} */
  async used(book) {
    return (await this.#read(await this.name(book)))?.used ?? []
  }

  /**
   * What was written down for a challenge. Whether it was heard nobody knows, so it is sent again, and no challenge takes
   * a second slot.
   * @param {Book} book @param {string} challenge @returns {Promise<Shown | undefined>}
   */
  async shown(book, challenge) {
    const { shown = [] } = await this.#read(await this.name(book)) ?? {}
    return shown.find((/** @type {Shown} */ { response }) => response.endsWith('.' + challenge))
  }

  /**
   * Writes a slot down as used, what is to be shown for it, and the act into the history, in one transaction; returns
   * when that is on disk.
   * @param {Book} book @param {Shown} shown @param {Act} act
   */
  async spend(book, shown, act) {
    const name = await this.name(book)
    const { used = [], shown: before = [] } = /** @type {Partial<Page>} */ (await this.#read(name) ?? {})
    if (used.includes(shown.slot)) throw new Error('slot used before')
    /** @type {Page} */
    const page = { until: book.len ? book.start + book.len : 0, used: [...used, shown.slot], shown: [...before.filter((s) => s.until >= act.at), shown] }
    const line = this.#line()
    await this.#sealed.put([[name, encode(JSON.stringify(page))], [line, encode(JSON.stringify(act))]])
  }

  #line() { return 'history/' + toBase64url(crypto.getRandomValues(new Uint8Array(12))) }

  /** Notes an act that uses no slot. @param {Act} act */
  async note(act) { await this.#write(this.#line(), act) }

  /** What was proven where, newest first. @returns {Promise<Act[]>} */
  async history() {
    return (await this.#all('history')).map(([, act]) => act).sort((a, b) => b.at - a.at)
  }

  /** Erases the history. The slot pages stay, without a word about where they belong. */
  async erase() {
    await db.remove(await db.names('history/'))
    await navigator.locks.request(turns, async () => {
      for (const [name, page] of await this.#all('book')) await this.#write(name, { until: until(page), used: page.used })
    })
  }

  /**
   * Drops pages of periods long past, and what was shown for challenges that are over: now, or when the wallet is next
   * opened if a proof is being written down.
   * @param {number} now unix
   */
  async tidy(now) {
    const lasts = (/** @type {Shown} */ shown) => shown.until >= now
    await navigator.locks.request(turns, { ifAvailable: true }, async (lock) => {
      for (const [name, page] of lock ? await this.#all('book') : []) {
        if (until(page) && until(page) + keep < now) await db.remove([name])
        else if (page.shown && !page.shown.every(lasts)) await this.#write(name, { ...page, shown: page.shown.filter(lasts) })
      }
    })
  }

  /** For a backup file: also what is from the time before an issuer changed its key. */
  async contents() {
    const enrolments = (await this.#all('enrolment')).map(([, e]) => e).filter((e) => e.issuer)
    const receipts = new Map()
    for (const [, life] of await this.#all('life')) for (const r of life.receipts) if (r.issuer ?? life.issuer) receipts.set(r.receipt, { issuer: life.issuer, ...r })
    const pages = (await this.#all('book')).map(([name, page]) => ({ name, until: until(page), used: page.used }))
    return { pages, enrolments, receipts: [...receipts.values()], history: await this.history() }
  }

  /** Takes over what a backup file brings; slots known here already stay used. @param {import('./backup.js').Contents} c */
  async restore(c) {
    for (const { name, until, used } of c.pages) {
      if (!/^book\/[\w-]{22}$/.test(name)) continue
      const here = (await this.#read(name).catch(() => undefined))?.used ?? []
      await this.#write(name, { until, used: [...new Set([...here, ...used])] })
    }
    for (const { issuer, ...e } of c.enrolments) if (!await this.#read(await this.#name('enrolment', issuer))) await this.keepEnrolment(issuer, e)
    for (const r of c.receipts ?? []) {
      const life = { ...blank(), ...await this.life(r.issuer) }
      if (life.receipts.some((x) => x.receipt === r.receipt)) continue
      life.receipts.push(r)
      await this.keepLife(r.issuer, life)
    }
    const known = new Set((await this.history()).map((act) => JSON.stringify(act)))
    for (const act of c.history) if (!known.has(JSON.stringify(act))) await this.note(act)
  }

  /** What the engine knew of an issuer's log, in wallets from before there was reads.js. @param {string} vkey */
  async state(vkey) { return this.#sealed.get(await this.#name('state', vkey)) }

  /** The enrolment at an issuer, under its key or one that it had before. @param {string} vkey @returns {Promise<Enrolment | undefined>} */
  async enrolment(vkey) {
    const before = async () => (await this.#before('enrolment', vkey)).map(([, e]) => e).sort((a, b) => b.enrolled - a.enrolled)[0]
    return await this.#read(await this.#name('enrolment', vkey)) ?? await before()
  }

  /** @param {string} vkey @param {Enrolment} value */
  async keepEnrolment(vkey, value) {
    await this.#write(await this.#name('enrolment', vkey), { ...value, issuer: vkey })
  }

  /**
   * What became of the place in an issuer's set, under its key or one that it had before; the receipts are those of
   * all its keys, each with the one that signed it.
   * @param {string} vkey @returns {Promise<import('./life.js').Life | undefined>}
   */
  async life(vkey) {
    const own = await this.#read(await this.#name('life', vkey))
    const all = [...own ? [{ ...own, issuer: vkey }] : [], ...(await this.#before('life', vkey)).map(([, life]) => life).sort((a, b) => b.next - a.next)]
    if (all.length === 0) return undefined
    const receipts = new Map()
    for (const { issuer, receipts: list } of all) for (const r of list) if (!receipts.has(r.receipt)) receipts.set(r.receipt, { issuer, ...r })
    return { ...all[0], receipts: [...receipts.values()] }
  }

  /** Takes the place of what was written down under keys that the issuer had before. @param {string} vkey @param {import('./life.js').Life} value */
  async keepLife(vkey, value) {
    await this.#write(await this.#name('life', vkey), { ...value, issuer: vkey }, (await this.#before('life', vkey)).map(([name]) => name))
  }

  /** Records of the same issuer under other keys. @param {string} kind @param {string} vkey @returns {Promise<[string, any][]>} */
  async #before(kind, vkey) {
    return (await this.#all(kind)).filter(([, { issuer }]) => issuer && successive(issuer, vkey))
  }

  /** Writes the key into records from before they had it, which tell by their name alone whose they are. @param {string[]} vkeys */
  async label(vkeys) {
    for (const kind of ['enrolment', 'life']) {
      for (const vkey of vkeys) {
        const name = await this.#name(kind, vkey), value = await this.#read(name).catch(() => undefined)
        if (value && !value.issuer) await this.#write(name, { ...value, issuer: vkey })
      }
    }
  }
}

/** @param {Uint8Array} plain @returns {any} */
const parse = (plain) => JSON.parse(new TextDecoder().decode(plain))

/** When a page's period ends; pages written before there were histories say so in another way. @param {any} page */
const until = (page) => page.until ?? (page.len ? page.start + page.len : 0)
