// The other side of the capture page, for tests: opens what was sealed, and puts
// shares together again. Written apart from what it tests: with big integers, and
// with node's own cryptography where there is a choice.
import assert from 'node:assert/strict'
import { createDecipheriv, createHash, createPrivateKey, createPublicKey, createHmac, diffieHellman } from 'node:crypto'

const cat = (...parts) => Buffer.concat(parts.map((p) => typeof p === 'string' ? Buffer.from(p) : p))
const u16 = (n) => Buffer.from([n >> 8, n & 255])
const kem = cat('KEM', u16(0x20)), suite = cat('HPKE', u16(0x20), u16(1), u16(2))
const extract = (of, salt, label, ikm) => createHmac('sha256', salt).update(cat('HPKE-v1', of, label, ikm)).digest()

// HKDF-Expand alone: HMAC's first block is all that is needed here.
const expand = (of, secret, label, context, size) => createHmac('sha256', secret).update(cat(u16(size), 'HPKE-v1', of, label, context, Buffer.from([1]))).digest().subarray(0, size)

const pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const spki = Buffer.from('302a300506032b656e032100', 'hex')
export const secretKey = (raw) => createPrivateKey({ key: cat(pkcs8, raw), format: 'der', type: 'pkcs8' })
const publicKey = (raw) => createPublicKey({ key: cat(spki, raw), format: 'der', type: 'spki' })
export const publicOf = (raw) => createPublicKey(secretKey(raw)).export({ format: 'der', type: 'spki' }).subarray(spki.length)

/** An X25519 secret as the pair of keys that browsers have. @param {Uint8Array} raw */
export async function pairOf(raw) {
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', cat(pkcs8, raw), { name: 'X25519' }, false, ['deriveBits']),
    publicKey: await crypto.subtle.importKey('raw', publicOf(raw), { name: 'X25519' }, true, []),
  }
}

/** Opens what HPKE sealed. @param {Uint8Array} secret @param {Uint8Array} info @param {Uint8Array} aad @param {Uint8Array} sealed */
export function openHPKE(secret, info, aad, sealed) {
  const enc = sealed.subarray(0, 32), ct = sealed.subarray(32)
  const dh = diffieHellman({ privateKey: secretKey(secret), publicKey: publicKey(enc) })
  const shared = expand(kem, extract(kem, '', 'eae_prk', dh), 'shared_secret', cat(enc, publicOf(secret)), 32)
  const context = cat(Buffer.from([0]), extract(suite, '', 'psk_id_hash', ''), extract(suite, '', 'info_hash', info))
  const scheduled = extract(suite, shared, 'secret', '')
  const aes = createDecipheriv('aes-256-gcm', expand(suite, scheduled, 'key', context, 32), expand(suite, scheduled, 'base_nonce', context, 12))
  aes.setAAD(aad)
  aes.setAuthTag(ct.subarray(-16))
  return cat(aes.update(ct.subarray(0, -16)), aes.final())
}

/** Opens a part sealed to a party, and holds it to its commitment. @param {Uint8Array} secret @param {Uint8Array} aad */
export function openPart(secret, aad, sealed, commitment) {
  const plain = openHPKE(secret, Buffer.from('perhuman/share/1'), aad, sealed)
  assert.deepEqual(createHash('sha256').update('perhuman/share/1').update(plain).digest(), Buffer.from(commitment))
  return plain.subarray(32)
}

const mod = 2n ** 32n
/** In the ring of polynomials over the integers modulo 2^32, x^4 being x + 1. @param {bigint[]} a @param {bigint[]} b */
function times(a, b) {
  const p = Array(7).fill(0n)
  a.forEach((x, i) => b.forEach((y, j) => { p[i + j] += x * y }))
  for (let k = 6; k >= 4; k--) {
    p[k - 4] += p[k]
    p[k - 3] += p[k]
  }
  return p.slice(0, 4).map((x) => ((x % mod) + mod) % mod)
}
const minus = (a, b) => a.map((x, i) => ((x - b[i]) % mod + mod) % mod)
const phi = [0x4b944f4an, 0x5c015ce5n, 0x94bd28a1n, 0xea3b183en]
const points = [[1n, 0n, 0n, 0n], [0n, 1n, 0n, 0n], [1n, 1n, 0n, 0n]]
const alpha = [
  [0x212c0260n, 0xc19ab5c3n, 0xa4c41107n, 0x38f6f759n], [0x92a563d4n, 0x0aa11e41n, 0x5e9cfaa8n, 0x4bdfcaa2n],
  [0xe7531a79n, 0x2a063587n, 0x85b66bccn, 0x67104e62n], [0x2211d39bn, 0xca2c27cen, 0xb0d04562n, 0xbf7943c3n],
]
/** A unit to the power 15*2^31 is 1. @param {bigint[]} a */
function inverse(a) {
  let out = points[0]
  for (let e = 15n * 2n ** 31n - 1n; e > 0n; e >>= 1n) {
    if (e & 1n) out = times(out, a)
    a = times(a, a)
  }
  return out
}

/**
 * The signed numbers that any two shares hold: the line through them, at zero.
 * @param {number} i @param {Uint32Array} a share of party i @param {number} j @param {Uint32Array} b share of party j
 */
export function together(i, a, j, b) {
  const slope = inverse(minus(points[j], points[i]))
  const out = []
  for (let at = 0; at < a.length; at += 4) {
    const [p, q] = [a, b].map((s) => [...s.subarray(at, at + 4)].map(BigInt))
    const s = minus(p, times(times(minus(q, p), slope), points[i]))
    for (let k = 0; k < 4; k++) out.push(Number(BigInt.asIntN(32, times(s, alpha[k]).reduce((sum, x, n) => sum + x * phi[n], 0n))))
  }
  return out
}

/** The words in a party's payload, and whose it is. @param {Uint8Array} payload */
export function readShare(payload) {
  assert.equal(payload.length, 516)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  assert.deepEqual([view.getUint8(0), view.getUint16(2, true)], [1, (1 << 14) + 32])
  return { party: view.getUint8(1), words: Uint32Array.from({ length: 128 }, (_, n) => view.getUint32(4 + 4 * n, true)) }
}
