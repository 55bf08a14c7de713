// A face vector, sealed in the page that measured it: whole for the plain
// matcher's one key, or cut into three shares for three parties, of which none
// says anything by itself. Nothing here sends anything.
//
//   const keys = partyKeys(metadata, 'face')
//   const parts = await sealFace(vector, keys, {audience, nonce, device, identityCommitment})
//
// The bytes are those of packages issuer/biometric/face, mpc/dot and share; tests
// on both sides hold them together.
import { split } from './galois.js'
import { random, sealTo } from './seal.js'

/** Numbers of a vector, and the factor from the network's units. */
const dimensions = 128
const scale = 256

/** Squared lengths that a face has: .5 to 3 units. */
const shortest = scale ** 2 / 4
const longest = scale ** 2 * 9

/**
 * A descriptor times 256, rounded to nearest, halves away from zero, from -128
 * to 127.
 * @param {ArrayLike<number>} descriptor
 * @returns {Int8Array<ArrayBuffer>}
 */
export function quantise(descriptor) {
  return checked(Int8Array.from({ length: dimensions }, (_, i) => {
    const x = descriptor[i] * scale
    if (Number.isNaN(x)) throw new RangeError('not a number') // also where one is missing
    return Math.sign(x) * Math.round(Math.abs(Math.min(Math.max(x, -128), 127)))
  }), descriptor.length)
}

/**
 * Refuses what no face gives: a zero vector is near to everything short, a huge
 * one far from everybody. The parties check the same without seeing the vector.
 * @param {Int8Array<ArrayBuffer>} v @param {number} length
 */
function checked(v, length) {
  if (length !== dimensions) throw new RangeError(`a face is ${dimensions} numbers`)
  const squared = v.reduce((sum, x) => sum + x * x, 0)
  if (squared < shortest || squared > longest) throw new RangeError('too short or too long to be a face')
  return v
}

/**
 * What each of three parties gets: u8 1, u8 party, u16 2^14 + 32, then its share
 * in words of 32 bits, all little-endian: 516 bytes.
 * @param {Int8Array<ArrayBuffer>} vector @param {(n: number) => Uint8Array<ArrayBuffer>} bytes
 */
export function faceShares(vector, bytes = random.bytes) {
  checked(vector, vector.length)
  const masks = bytes(4 * dimensions)
  const shares = split(vector, masks)
  masks.fill(0)
  return shares.map((words, party) => {
    const out = new Uint8Array(4 + 4 * dimensions)
    const view = new DataView(out.buffer)
    out[0] = 1
    out[1] = party
    view.setUint16(2, (1 << 14) + 32, true)
    words.forEach((w, i) => view.setUint32(4 + 4 * i, w, true))
    words.fill(0)
    return out
  })
}

/**
 * A vector, sealed for one capture: one part for each key.
 * @param {Int8Array<ArrayBuffer>} vector
 * @param {Uint8Array<ArrayBuffer>[]} keys of partyKeys
 * @param {import('./seal.js').Capture} capture
 * @param {import('./seal.js').Random} from
 */
export async function sealFace(vector, keys, capture, from = random) {
  if (keys.length !== 1 && keys.length !== 3) throw new RangeError('one key or three')
  const payloads = keys.length === 1 ? [new Uint8Array(checked(vector, vector.length))] : faceShares(vector, from.bytes)
  const parts = []
  for (const [party, payload] of payloads.entries()) {
    parts.push(await sealTo(keys[party], capture, party, 0, payload, from))
    payload.fill(0)
  }
  return parts
}
