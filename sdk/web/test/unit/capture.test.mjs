// The capture page cuts and seals a face as Go does: both sides open what the
// other made, and make the same of the same randomness. Written anew with
// PERHUMAN_WRITE_GOLDEN=1; sdk/web/capture_test.go is the Go half.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { split } from '../../capture/galois.js'
import { seal } from '../../capture/hpke.js'
import { bound, element, partyKeys, readKey, sealTo } from '../../capture/seal.js'
import { faceShares, quantise, sealFace } from '../../capture/split.js'
import { openHPKE, openPart, pairOf, publicOf, readShare, together } from '../support/shares.mjs'

const at = (name) => new URL(`../vectors/${name}.json`, import.meta.url)
const read = (name) => JSON.parse(readFileSync(at(name), 'utf8'))
const unhex = (s) => Uint8Array.from(Buffer.from(s, 'hex'))
const hex = (b) => Buffer.from(b).toString('hex')
const byGo = read('capture-go')
const secretOf = (text) => Buffer.from(text.split(':')[1], 'base64url')
const captureOf = (s) => ({ audience: s.audience, nonce: unhex(s.nonce), device: s.device, identityCommitment: unhex(s.identity_commitment) })

/** Bytes that everybody can make again from a name. */
function stream(name) {
  let count = 0
  return (n) => Uint8Array.from(Buffer.concat(Array.from({ length: Math.ceil(n / 32) }, () => createHash('sha256').update(`${name}/${count++}`).digest())).subarray(0, n))
}

test('HPKE equals the published vector of its suite', async () => {
  const v = read('rfc9180')
  const sealed = await seal(unhex(v.pkRm), unhex(v.info), unhex(v.aad), unhex(v.pt), () => pairOf(unhex(v.skEm)))
  assert.equal(hex(sealed), v.enc + v.ct)
  assert.equal(hex(openHPKE(unhex(v.skRm), unhex(v.info), unhex(v.aad), sealed)), v.pt)
  // A key of its own each time.
  const [a, b] = await Promise.all([1, 2].map(() => seal(unhex(v.pkRm), unhex(v.info), unhex(v.aad), unhex(v.pt))))
  assert.notEqual(hex(a.subarray(0, 32)), hex(b.subarray(0, 32)))
  for (const s of [a, b]) assert.equal(hex(openHPKE(unhex(v.skRm), unhex(v.info), unhex(v.aad), s)), v.pt)
})

test('keys of small order are refused', async () => {
  for (const low of ['00'.repeat(32), '01' + '00'.repeat(31), 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800']) {
    await assert.rejects(seal(unhex(low), unhex(''), unhex(''), unhex('00')), undefined, low)
  }
})

test('what Go sealed opens here, and is what this side makes of the same randomness', () => {
  assert.ok(byGo.sealings.length >= 8)
  for (const s of byGo.sealings) {
    const opened = s.sealed.map((sealed, party) => openPart(secretOf(s.secrets[party]), bound(captureOf(s), party, 0), unhex(sealed), unhex(s.commitments[party])))
    const vector = Int8Array.from(s.vector)
    const made = opened.length === 1 ? [new Uint8Array(vector)] : faceShares(vector, (n) => {
      const random = unhex(s.random)
      assert.equal(random.length, n)
      return random
    })
    opened.forEach((payload, party) => {
      assert.equal(hex(payload), s.payloads[party])
      assert.equal(hex(made[party]), s.payloads[party])
      assert.deepEqual(Buffer.from(readKey(s.keys[party])), publicOf(secretOf(s.secrets[party])))
    })
  }
})

test('what this side seals is what Go’s tests open', async () => {
  const sealings = []
  for (const [n, g] of byGo.sealings.entries()) {
    const bytes = stream(`perhuman/test/capture/${n}`)
    const random = bytes(512)
    const { payloads, ...s } = { ...g, random: hex(random) }
    const keys = s.keys.map(readKey)
    const parts = await sealFace(Int8Array.from(s.vector), keys, captureOf(s), {
      bytes: (size) => size === 512 ? random.slice() : bytes(size), key: () => pairOf(bytes(32)),
    })
    const shares = keys.length === 1 ? [new Uint8Array(Int8Array.from(s.vector))] : faceShares(Int8Array.from(s.vector), () => random.slice())
    sealings.push({ ...s, payloads: shares.map(hex), sealed: parts.map((p) => hex(p.sealed)), commitments: parts.map((p) => hex(p.commitment)) })
    parts.forEach((p, party) => assert.equal(hex(openPart(secretOf(s.secrets[party]), bound(captureOf(s), party, 0), p.sealed, p.commitment)), hex(shares[party])))
  }
  const made = { note: 'made by test/unit/capture.test.mjs; keys of nobody', sealings }
  if (process.env.PERHUMAN_WRITE_GOLDEN) writeFileSync(at('capture-page'), JSON.stringify(made) + '\n')
  assert.deepEqual(made, read('capture-page'))
})

test('a descriptor becomes the numbers that Go makes of it', () => {
  assert.ok(byGo.quantise.length >= 4)
  for (const q of byGo.quantise) {
    assert.deepEqual([...quantise(q.descriptor)], q.vector)
  }
  const face = byGo.quantise[0].descriptor
  for (const [bad, why] of [
    [face.slice(1), 'short'], [[...face, 0], 'long'], [face.with(3, NaN), 'not a number'], [Array(128).fill(0), 'zeros'], [Array(128).fill(0.4), 'too long'], [face.map((x) => x / 9), 'too short'],
  ]) assert.throws(() => quantise(bad), RangeError, why)
})

test('any two shares give the values, from one end of the range to the other', () => {
  const ends = [0, 1, -1, 127, -128, 128, -129, 2 ** 31 - 1, -(2 ** 31)]
  const random = stream('ends')
  for (let n = 0; n < 40; n++) {
    const choose = random(16)
    const values = Array.from(choose, (c) => ends[(c + n) % ends.length])
    // Masks too: nothing, everything, and what comes.
    const masks = n === 0 ? new Uint8Array(64) : n === 1 ? new Uint8Array(64).fill(255) : random(64)
    const shares = split(values, masks)
    for (const [i, j] of [[0, 1], [0, 2], [1, 2]]) assert.deepEqual(together(i, shares[i], j, shares[j]), values)
  }
  for (const vector of byGo.sealings.map((s) => s.vector)) {
    const shares = faceShares(Int8Array.from(vector)).map(readShare)
    assert.deepEqual(shares.map((s) => s.party), [0, 1, 2])
    assert.deepEqual(together(2, shares[2].words, 0, shares[0].words), vector)
  }
  assert.throws(() => split([1, 2, 3], new Uint8Array(12)), RangeError)
  assert.throws(() => split([1, 2, 3, 4], new Uint8Array(15)), RangeError)
  assert.throws(() => faceShares(new Int8Array(128)), RangeError)
  assert.throws(() => faceShares(new Int8Array(127).fill(11)), RangeError)
})

test('one party’s share is uniform, whatever the face is', () => {
  // The most lopsided values there are; bounds of six standard deviations.
  for (const fill of [0, 1, -1, -128]) {
    const shares = split(Array(1 << 15).fill(fill), stream(`uniform ${fill}`)(1 << 17))
    for (const [party, share] of shares.entries()) {
      const n = share.length
      for (const [what, byte] of Object.entries({
        lowest: (i) => share[i], second: (i) => share[i] >>> 8, third: (i) => share[i] >>> 16, highest: (i) => share[i] >>> 24,
        'sum of neighbours': (i) => share[i] + share[(i + 1) % n], 'difference of quadruples': (i) => (share[i] - share[(i + 4) % n]) >>> 4,
        'pairs of low bits': (i) => share[i] & 15 | (share[(i + 1) % n] & 15) << 4,
      })) {
        const count = new Float64Array(256)
        for (let i = 0; i < n; i++) count[byte(i) & 255]++
        const chi = count.reduce((sum, c) => sum + (c - n / 256) ** 2 / (n / 256), 0)
        assert.ok(Math.abs(chi - 255) / Math.sqrt(510) < 6, `values ${fill}, party ${party}, ${what}: chi-square ${chi} of 255 degrees`)
      }
    }
  }
  // And fresh each time.
  const [a, b] = [1, 2].map(() => faceShares(Int8Array.from(byGo.sealings[0].vector)))
  for (let p = 0; p < 3; p++) assert.notDeepEqual(a[p], b[p])
})

test('keys and metadata that are not what they should be are refused', async () => {
  const [, { keys }] = byGo.sealings
  const [one, two, three] = keys
  for (const bad of [undefined, null, 7, '', one + ' ', one.slice(0, -1), one + 'A', one.toUpperCase(), one.replace('party', 'party-secret'),
    'perhuman-party-1:' + 'A'.repeat(43), 'perhuman-party-1:' + 'A'.repeat(42) + 'B', 'perhuman-party-1:' + '='.repeat(43), 'perhuman-party-1:' + 'é'.repeat(43)]) {
    assert.throws(() => readKey(bad), TypeError, String(bad))
  }
  const named = (...texts) => texts.map((key, i) => ({ name: `party ${i}`, key }))
  const of = (modality, ...texts) => named(...texts).map((k) => ({ ...k, name: `${modality} ${k.name}` }))
  const [x, y, z] = byGo.sealings[3].keys
  const list = (m) => partyKeys(m, 'face').map(hex)
  const want = keys.map((k) => hex(readKey(k)))
  assert.deepEqual(list({ matcher: 'mpc-3', matcher_keys: named(one, two, three) }), want)
  assert.deepEqual(list({ matcher: 'mpc-3', matcher_keys: [...of('iris', x, y, z), ...of('face', one, two, three)] }), want)
  assert.deepEqual(list({ matcher: 'plain', matcher_keys: [{ name: 'operator', key: one }] }), want.slice(0, 1))
  for (const bad of [
    null, {}, 'x', { matcher: 'mpc-3' }, { matcher: 'mpc-3', matcher_keys: {} }, { matcher: 'mpc-3', matcher_keys: [] }, { matcher: 'mpc-3', matcher_keys: [null, null, null] },
    { matcher: 'mpc-3', matcher_keys: named(one) }, // the whole template to one
    { matcher: 'mpc-3', matcher_keys: named(one, two) }, { matcher: 'mpc-3', matcher_keys: named(one, two, three, x) },
    { matcher: 'mpc-3', matcher_keys: named(one, two, one) }, { matcher: 'mpc-3', matcher_keys: named(one, two, three.slice(0, -2)) },
    { matcher: 'mpc-3', matcher_keys: of('iris', one, two, three) }, { matcher: 'mpc-3', matcher_keys: [...of('iris', x, y, z), ...of('face', one)] },
    { matcher: 'plain', matcher_keys: named(one, two, three) }, { matcher: 'mpc-4', matcher_keys: named(one, two, three, x) }, { matcher_keys: named(one) },
    { matcher: 'constructor', matcher_keys: named(one) },
  ]) assert.throws(() => partyKeys(bad, 'face'), TypeError, JSON.stringify(bad))

  const capture = captureOf(byGo.sealings[0]), vector = Int8Array.from(byGo.sealings[0].vector)
  await assert.rejects(sealFace(vector, keys.slice(0, 2).map(readKey), capture), RangeError)
  await assert.rejects(sealFace(new Int8Array(128), [readKey(one)], capture), RangeError)
  for (const change of [{ audience: '' }, { audience: 'a'.repeat(256) }, { device: '' }, { nonce: new Uint8Array(31) }, { identityCommitment: new Uint8Array(33) }]) {
    await assert.rejects(sealTo(readKey(one), { ...capture, ...change }, 0, 0, new Uint8Array(1)), RangeError)
  }
})

test('an identity commitment becomes its 32 bytes', () => {
  assert.equal(hex(element('0')), '00'.repeat(32))
  assert.equal(hex(element('21888242871839275222246405745257275088548364400416034343698204186575808495616')), '30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000')
  assert.equal(hex(element((2n ** 256n - 1n).toString())), 'ff'.repeat(32))
  for (const bad of ['', '-1', '01', '1.0', '0x1', ' 1', (2n ** 256n).toString(), '9'.repeat(79)]) assert.throws(() => element(bad), TypeError, bad)
})
