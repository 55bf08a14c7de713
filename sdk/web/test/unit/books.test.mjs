// What the wallet must not forget: slots, and what was shown for a challenge
// that is not over; and what it is to forget.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storage } from '../support/indexeddb.mjs'
import { Books, turns } from '../../wallet/books.js'

const book = { rp: 'forum.example', action: 'post', start: 1_799_971_200, len: 86400 }, now = book.start + 1000
const act = (at = now) => ({ at, rp: book.rp, action: book.action, kind: 'per_epoch', len: book.len, k: 5, issuer: 'i' })
const shown = (slot, until = now + 300) => ({ slot, response: `proof${slot}.challenge${slot}`, until })

/** @returns books of somebody, and what the browser stores */
async function fresh() {
  const values = storage()
  return { values, books: await Books.open(crypto.getRandomValues(new Uint8Array(32))) }
}

test('a slot is written down once, with what is shown for it, which is found by its whole challenge', async () => {
  const { books } = await fresh()
  await books.spend(book, shown(3), act())
  await books.spend(book, shown(1), act())
  await assert.rejects(books.spend(book, shown(3), act()), /used before/)
  assert.deepEqual(await books.used(book), [3, 1])
  assert.deepEqual(await books.shown(book, 'challenge3'), shown(3))
  for (const other of ['challenge', 'hallenge3', 'challenge2', '']) assert.equal(await books.shown(book, other), undefined, other)
  assert.equal(await books.shown({ ...book, action: 'vote' }, 'challenge3'), undefined)
  assert.equal((await books.history()).length, 2)
})

test('what was shown is forgotten when its challenge is over, and with the history; the slot stays used', async () => {
  const { books } = await fresh()
  await books.spend(book, shown(3), act())
  await books.tidy(now + 300)
  assert.ok(await books.shown(book, 'challenge3'), 'forgotten too early')
  await books.tidy(now + 301)
  assert.equal(await books.shown(book, 'challenge3'), undefined)
  await books.spend(book, shown(1, now + 600), act(now + 302))
  await books.spend(book, shown(2, now + 1000), act(now + 700))
  assert.equal(await books.shown(book, 'challenge1'), undefined, 'what is over stays')
  await books.erase()
  assert.equal(await books.shown(book, 'challenge2'), undefined)
  assert.deepEqual([await books.used(book), await books.history()], [[3, 1, 2], []])
  await books.tidy(book.start + book.len + 91 * 86400)
  assert.deepEqual(await books.used(book), [])
})

test('no backup holds what was shown', async () => {
  const { books } = await fresh()
  await books.spend(book, shown(3), act())
  const { pages } = await books.contents()
  assert.deepEqual(pages.map(({ name, ...page }) => page), [{ until: book.start + book.len, used: [3] }])
})

test('while a slot is being written down, erasing the history waits and tidying lets it be', async () => {
  const { books } = await fresh()
  await books.spend(book, shown(3, now - 1), act(now - 300))
  /** @type {Promise<void> | undefined} */
  let erased
  await navigator.locks.request(turns, async () => {
    erased = books.erase()
    await books.tidy(now)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal((await books.shown(book, 'challenge3'))?.slot, 3, 'a page was written again while another window had its turn')
    await books.spend(book, shown(1), act())
  })
  await erased
  assert.deepEqual(await books.used(book), [3, 1])
})

test('what is stored says neither where nor what', async () => {
  const { books, values } = await fresh()
  await books.spend(book, shown(3), act())
  const text = [...values].map(([name, { iv, sealed }]) => name + Buffer.from(iv).toString('latin1') + Buffer.from(sealed).toString('latin1')).join()
  for (const word of ['forum', 'post', 'proof', 'challenge', 'used']) assert.ok(!text.includes(word), word)
})
