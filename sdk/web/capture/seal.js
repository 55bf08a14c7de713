// Seals what one matching party may open to that party, and binds it to one
// capture: package issuer/biometric/share, with its bytes.
import { concat, encode, equal, fromBase64url, prefixed, sha256 } from '../bytes.js'
import { seal as hpke, ephemeral } from './hpke.js'

/**
 * The capture that sealed parts belong to.
 * @typedef {{audience: string, nonce: Uint8Array<ArrayBuffer>, device: string, identityCommitment: Uint8Array<ArrayBuffer>}} Capture
 * @typedef {{sealed: Uint8Array<ArrayBuffer>, commitment: Uint8Array<ArrayBuffer>}} Sealed
 * Where randomness comes from; tests give their own.
 * @typedef {{bytes: (n: number) => Uint8Array<ArrayBuffer>, key: () => Promise<CryptoKeyPair>}} Random
 */

const info = encode('perhuman/share/1')
const prefix = 'perhuman-party-1:'

/** @type {Random} */
export const random = { bytes: (n) => crypto.getRandomValues(new Uint8Array(n)), key: ephemeral }

/** Whether this browser has what sealing needs. X25519 came to browsers between 2023 and 2025. */
export function canSeal() {
  return ephemeral().then(() => true, () => false)
}

/** A party's public key from its text. @param {unknown} text */
export function readKey(text) {
  if (typeof text === 'string' && text.startsWith(prefix) && text.length === prefix.length + 43) {
    const key = fromBase64url(text.slice(prefix.length))
    if (key.length === 32 && key.some((b) => b !== 0)) return key
  }
  throw new TypeError('not a party key')
}

/** The associated data of a party's part. @param {Capture} c @param {number} party @param {number} eye left 0, right 1; a face is 0 */
export function bound(c, party, eye) {
  const audience = encode(c.audience), device = encode(c.device)
  for (const name of [audience, device]) if (name.length === 0 || name.length > 255) throw new RangeError('a name is empty or too long')
  if (c.nonce.length !== 32 || c.identityCommitment.length !== 32) throw new RangeError('nonce and identity commitment are 32 bytes')
  return concat(prefixed(audience), c.nonce, prefixed(device), Uint8Array.of(party, eye), c.identityCommitment)
}

/**
 * Seals payload to one party.
 * @param {Uint8Array<ArrayBuffer>} to @param {Capture} capture @param {number} party @param {number} eye
 * @param {Uint8Array} payload @param {Random} from
 * @returns {Promise<Sealed>}
 */
export async function sealTo(to, capture, party, eye, payload, from = random) {
  const aad = bound(capture, party, eye)
  const salt = from.bytes(32)
  const plain = concat(salt, payload)
  try {
    const [sealed, commitment] = await Promise.all([hpke(to, info, aad, plain, from.key), sha256(concat(info, plain))])
    return { sealed, commitment }
  } finally {
    plain.fill(0)
  }
}

/**
 * The keys to seal a capture to, from an issuer's metadata: one with the plain
 * matcher, three in party order with three parties. Metadata that do not fit
 * together give an error: with one key in the place of three, one machine would
 * get the whole template.
 * @param {any} metadata /.well-known/perhuman-issuer.json
 * @param {string} modality of an issuer that compares several kinds apart
 * @returns {Uint8Array<ArrayBuffer>[]}
 */
export function partyKeys(metadata, modality) {
  const all = metadata?.matcher_keys
  const want = new Map([['plain', 1], ['mpc-3', 3]]).get(metadata?.matcher)
  if (!want || !Array.isArray(all)) throw new TypeError('the issuer’s metadata name no matcher that this page knows')
  const several = all.some((k) => /^(iris|face) /.test(k?.name)) // groups, each with keys of its own
  const keys = all.filter((k) => !several || String(k?.name).startsWith(modality + ' ')).map((k) => readKey(k?.key))
  if (keys.length !== want) throw new TypeError(`${keys.length} keys for the matcher ${metadata.matcher}`)
  if (keys.some((k, i) => keys.slice(0, i).some((other) => equal(k, other)))) throw new TypeError('one key for two parties')
  return keys
}

/** An identity commitment as 32 bytes. @param {string} decimal */
export function element(decimal) {
  if (!/^(0|[1-9][0-9]{0,77})$/.test(decimal)) throw new TypeError('not a decimal number')
  const n = BigInt(decimal)
  if (n >> 256n) throw new TypeError('not a decimal number')
  return concat(...[192n, 128n, 64n, 0n].map((at) => uint8(n >> at)))
}

/** @param {bigint} n its low 64 bits */
function uint8(n) {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, n))
  return out
}
