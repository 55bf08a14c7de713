// Words, codes and files of the page against the vectors that Go reads too; the
// passage to another device; QR codes against pictures that a reader has read.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { areWords, contentsOf, fromWords, openFile, openPassage, sealFile, sealPassage, toWords } from '../../wallet/backup.js'
import { Books } from '../../wallet/books.js'
import { backupCode, readBackupCode } from '../../wallet/custody.js'
import { matrix } from '../../qr.js'

const go = new URL('../../../wallet/backup/', import.meta.url)
const vectors = JSON.parse(readFileSync(new URL('testdata/vectors.json', go), 'utf8'))
const list = readFileSync(new URL('words.txt', go), 'utf8').trim().split('\n')
const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'))
const refused = (code) => (err) => err.code === code

test('words and codes are those of Go', async () => {
  for (const { Secret, Code, Words } of vectors.Secrets) {
    const secret = bytes(Secret)
    assert.equal((await toWords(secret, list)).join(' '), Words)
    assert.equal(await backupCode(secret), Code)
    assert.deepEqual(await fromWords(Words, list), secret)
    assert.deepEqual(await readBackupCode(Code), secret)
    assert.ok(areWords(Words) && !areWords(Code) && !areWords(Code.replaceAll('-', ' ')))
    const words = Words.split(' ')
    assert.deepEqual(await fromWords(words.map((w, i) => `${i + 1}. ${w.slice(0, 4).toUpperCase()}`).join('\n'), list), secret)
    await assert.rejects(fromWords(words.slice(1).join(' '), list), refused('words_count'))
    await assert.rejects(fromWords(words.with(6, 'zzzz').join(' '), list), (err) => err.code === 'word_unknown' && err.cause === 7)
    for (let i = 0; i < words.length; i++) {
      const next = list[(list.indexOf(words[i]) + 1) % list.length]
      await assert.rejects(fromWords(words.with(i, next).join(' '), list), refused('words_mistyped'), `word ${i + 1}`)
    }
  }
})

test('files open whoever sealed them', async () => {
  for (const { Passphrase, File, Contents } of vectors.Files) assert.deepEqual(await openFile(JSON.stringify(File), Passphrase), Contents)
  const { Contents } = vectors.Files[0]
  const text = await sealFile(Contents, 'some passphrase')
  assert.deepEqual(await openFile(text, 'some passphrase'), Contents)
  await assert.rejects(openFile(text, 'some other one'), refused('wrong_file_passphrase'))
  for (const change of [{ version: 2 }, { rounds: 0 }, { salt: 'A' }, { iv: '!' }, { kdf: 'none' }, { perhuman: 'x' }]) {
    await assert.rejects(openFile(JSON.stringify({ ...JSON.parse(text), ...change }), 'some passphrase'), refused('file_malformed'))
  }
  await assert.rejects(openFile('no file', 'some passphrase'), refused('file_malformed'))
  await assert.rejects(openFile(text + ' '.repeat(8 << 20), 'some passphrase'), refused('file_malformed'))
})

test('a file that opens and holds something else is refused whole, before anything of it is written', async () => {
  const whole = vectors.Files[0].Contents, holding = (/** @type {any} */ change) => contentsOf(JSON.stringify({ ...whole, ...change }))
  const page = { name: 'book/' + 'A'.repeat(22), until: 0, used: [1] }, act = { at: 1, rp: 'a', action: 'b', kind: 'once', len: 0, k: 1, issuer: 'i' }
  const enrolment = { issuer: 'i', id: 'x', receipt: 'r', enrolled: 1 }, receipt = { issuer: 'i', kind: 'enrolment', id: 'x', at: 1, receipt: 'r' }
  for (const change of [{ pages: [page], history: [act], enrolments: [enrolment], receipts: [receipt] }, { pages: null, history: undefined }]) holding(change)
  for (const change of [
    { secret: 'AAAA' }, { secret: '!' }, { secret: 5 }, { pages: {} }, { pages: [null] }, { pages: [{ ...page, used: 'ab' }] }, { pages: [{ ...page, used: [1.5] }] },
    { pages: [{ ...page, used: [-1] }] }, { pages: [{ ...page, used: [1000] }] }, { pages: [{ ...page, until: 'now' }] }, { pages: [{ ...page, name: 7 }] },
    { history: [{ ...act, at: 9e15 }] }, { history: [{ ...act, rp: {} }] }, { history: 'none' }, { enrolments: [{ ...enrolment, issuer: null }] }, { enrolments: [[]] },
    { receipts: [{ ...receipt, kind: '__proto__' }] }, { receipts: [{ ...receipt, at: null }] }, { receipts: [{ ...receipt, proof: 1 }] },
  ]) assert.throws(() => holding(change), refused('file_malformed'), JSON.stringify(change))
  for (const text of ['', 'null', '[]', '7', '{}']) assert.throws(() => contentsOf(text), refused('file_malformed'), text)
  await assert.rejects(openFile(await sealFile({ ...whole, pages: /** @type {any} */ ({}) }, 'p'), 'p'), refused('file_malformed'))
})

test('pages of slots have the names that Go computes', async () => {
  for (const { Secret, RP, Action, Start, Len, Name } of vectors.Books) {
    assert.equal(await (await Books.open(bytes(Secret))).name({ rp: RP, action: Action, start: Start, len: Len }), Name)
  }
})

test('an identity of an official client, in base64, is not taken for words', () => {
  for (let i = 0; i < 200; i++) {
    const text = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64')
    assert.ok(!areWords(text) && !areWords(` ${text}\n`), text)
  }
  for (const text of ['one two three four five', 'one-two-three-four-five', '1. one 2. two 3. three 4. four 5. five', 'one,two,three,four,five']) assert.ok(areWords(text), text)
})

test('a passage opens with its five words, for ten minutes', async () => {
  const secret = crypto.getRandomValues(new Uint8Array(32)), now = 1_800_000_000
  const { key, text } = await sealPassage(secret, list, now)
  assert.equal(key.length, 5)
  assert.deepEqual(await openPassage(text, key.map((w) => w.slice(0, 4)).join(', ').toUpperCase(), list, now + 599), secret)
  await assert.rejects(openPassage(text, key.with(0, key[0] === 'zoo' ? 'zone' : 'zoo').join(' '), list, now), refused('wrong_passage_words'))
  await assert.rejects(openPassage(text, key.join(' '), list, now + 601), refused('passage_expired'))
  await assert.rejects(openPassage(text, key.join(' '), list, now - 400), refused('clock_wrong'))
  await assert.rejects(openPassage(text.slice(0, 40), key.join(' '), list, now), refused('passage_malformed'))
})

// Each of these was read back by jsQR 1.4.0; the digests keep them as they were.
test('QR codes of every size class', () => {
  for (const [n, size, digest] of [
    [1, 21, '5252f73ec0f90f25'], [14, 21, '88f4cf49377c584d'], [15, 25, '518eeafcdf82207a'], [70, 37, 'c5db557a8baf73ba'], [110, 45, 'b71224ac61fe5e2f'],
    [150, 49, 'f9352cfd10acf388'], [200, 57, '596e071796d12994'], [300, 69, 'a5c8e434c97ce6c2'], [450, 81, 'f65e735922a1cf7d'], [666, 97, '707fc97b3cfabdfe'],
  ]) {
    const m = matrix(Uint8Array.from({ length: n }, (_, i) => 48 + (i * 7 + n) % 60))
    assert.equal(m.length, size)
    assert.equal(createHash('sha256').update(m.map((row) => row.join('')).join('\n')).digest('hex').slice(0, 16), digest, `${n} bytes`)
  }
  assert.throws(() => matrix(new Uint8Array(667)), RangeError)
})
