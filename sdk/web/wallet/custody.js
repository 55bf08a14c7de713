// How the secret rests: wrapped with AES-256-GCM under a key that comes from a
// passkey (WebAuthn PRF, HKDF-SHA256) or from a passphrase (PBKDF2-SHA256,
// 600,000 rounds). One vault holds one secret, wrapped once per way to open it.

import { concat, encode, equal } from '../bytes.js'
import * as db from './db.js'

/**
 * @typedef {object} Wrapped
 * @property {'passkey' | 'passphrase'} type
 * @property {Uint8Array<ArrayBuffer>} salt HKDF's or PBKDF2's
 * @property {Uint8Array<ArrayBuffer>} iv
 * @property {Uint8Array<ArrayBuffer>} sealed
 * @property {Uint8Array<ArrayBuffer>} [credential] the passkey's id
 * @property {Uint8Array<ArrayBuffer>} [input] what the PRF is evaluated at
 * @property {number} [rounds]
 *
 * @typedef {{version: 1, created: number, ways: Wrapped[], backedUp: boolean}} Vault
 */

/** An error with a code that the page has words for. */
export class CustodyError extends Error {
  /** @param {string} code @param {unknown} [cause] */
  constructor(code, cause) {
    super(code, { cause })
    this.code = code
  }
}

export const rounds = 600_000
const random = (/** @type {number} */ n) => crypto.getRandomValues(new Uint8Array(n))

/** @returns {Promise<Vault | undefined>} */
export const load = () => db.get('vault')

/** @param {Uint8Array<ArrayBuffer>} secret @param {Omit<Wrapped, 'iv' | 'sealed'>} way @param {CryptoKey} key @returns {Promise<Wrapped>} */
async function wrap(secret, way, key) {
  const iv = random(12)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: bound(way) }, key, secret)
  return { ...way, iv, sealed: new Uint8Array(sealed) }
}

/** @param {Wrapped} way @param {CryptoKey} key */
async function unwrap(way, key) {
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: way.iv, additionalData: bound(way) }, key, way.sealed))
  } catch (err) {
    throw new CustodyError(way.type === 'passphrase' ? 'wrong_passphrase' : 'wrong_passkey', err)
  }
}

/** @param {Pick<Wrapped, 'type'>} way */
const bound = (way) => encode('perhuman/vault/1/' + way.type)

/** @param {string} passphrase @param {Uint8Array<ArrayBuffer>} salt @param {number} n */
export async function passphraseKey(passphrase, salt, n) {
  const base = await crypto.subtle.importKey('raw', encode(passphrase.normalize('NFKC')), 'PBKDF2', false, ['deriveKey'])
  return crypto.subtle.deriveKey({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: n }, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

/** @param {BufferSource} output @param {Uint8Array<ArrayBuffer>} salt */
async function passkeyKey(output, salt) {
  const base = await crypto.subtle.importKey('raw', output, 'HKDF', false, ['deriveKey'])
  return crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt, info: encode('perhuman/passkey/1') }, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

/** Whether this browser can have passkeys at all; whether they have a PRF shows only when one is made. */
export function passkeysExist() {
  return typeof PublicKeyCredential === 'function'
}

/** Refuses an assertion or creation without user verification (bit 2 of the flags). @param {ArrayBuffer} data */
function mustBeVerified(data) {
  if ((new Uint8Array(data)[32] & 4) === 0) throw new CustodyError('passkey_unverified')
}

/** @param {unknown} err @returns {never} */
function ceremonyFailed(err) {
  if (err instanceof CustodyError) throw err
  throw new CustodyError('passkey_failed', err) // gone, cancelled, timed out: browsers do not say which
}

/** @param {Uint8Array<ArrayBuffer>} credential @param {Uint8Array<ArrayBuffer>} input @returns {Promise<BufferSource>} */
async function evaluate(credential, input) {
  const got = /** @type {PublicKeyCredential} */ (await navigator.credentials.get({
    publicKey: {
      challenge: random(32), rpId: location.hostname, userVerification: 'required', timeout: 120_000,
      allowCredentials: [{ type: 'public-key', id: credential }],
      extensions: { prf: { eval: { first: input } } },
    },
  }).catch(ceremonyFailed))
  const response = /** @type {AuthenticatorAssertionResponse} */ (got.response)
  mustBeVerified(response.authenticatorData)
  if (!equal(new Uint8Array(got.rawId), credential)) throw new CustodyError('wrong_passkey')
  const first = got.getClientExtensionResults().prf?.results?.first
  if (!first) throw new CustodyError('passkey_without_prf')
  return first
}

/**
 * Makes a passkey and wraps the secret under its PRF. Throws
 * passkey_without_prf if the authenticator has none: offer the passphrase then.
 * @param {Uint8Array<ArrayBuffer>} secret @returns {Promise<Wrapped>}
 */
export async function withPasskey(secret) {
  const input = random(32)
  const made = /** @type {PublicKeyCredential} */ (await navigator.credentials.create({
    publicKey: {
      challenge: random(32), timeout: 120_000,
      rp: { id: location.hostname, name: 'perhuman wallet' },
      user: { id: random(16), name: 'perhuman wallet', displayName: 'perhuman wallet' },
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }, { type: 'public-key', alg: -8 }, { type: 'public-key', alg: -257 }],
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      extensions: { prf: { eval: { first: input } } },
    },
  }).catch(ceremonyFailed))
  const response = /** @type {AuthenticatorAttestationResponse} */ (made.response)
  mustBeVerified(response.getAuthenticatorData())
  const prf = made.getClientExtensionResults().prf
  if (!prf?.enabled) throw new CustodyError('passkey_without_prf')
  const credential = new Uint8Array(made.rawId)
  const output = prf.results?.first ?? await evaluate(credential, input)
  const salt = random(32)
  return wrap(secret, { type: 'passkey', salt, credential, input }, await passkeyKey(output, salt))
}

/** @param {Uint8Array<ArrayBuffer>} secret @param {string} passphrase @returns {Promise<Wrapped>} */
export async function withPassphrase(secret, passphrase) {
  const salt = random(32)
  return wrap(secret, { type: 'passphrase', salt, rounds }, await passphraseKey(passphrase, salt, rounds))
}

/** @param {Wrapped} way @param {string} passphrase empty for a passkey */
export async function openWay(way, passphrase) {
  if (way.type === 'passphrase') return unwrap(way, await passphraseKey(passphrase, way.salt, way.rounds ?? rounds))
  if (!way.credential || !way.input) throw new CustodyError('wrong_passkey')
  return unwrap(way, await passkeyKey(await evaluate(way.credential, way.input), way.salt))
}

/** @param {Vault} vault */
export async function save(vault) {
  await db.put('vault', vault)
}

// The backup code: "PH1-" and 55 symbols of Crockford's base32 in groups of
// five, that hold the 32 bytes and the first two of SHA-256("perhuman/backup/1" || bytes).
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** @param {Uint8Array} secret */
async function checksum(secret) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', concat(encode('perhuman/backup/1'), secret))).subarray(0, 2)
}

/** @param {Uint8Array<ArrayBuffer>} secret 32 bytes */
export async function backupCode(secret) {
  if (secret.length !== 32) throw new CustodyError('backup_unsupported')
  let bits = 0n
  for (const byte of concat(secret, await checksum(secret))) bits = (bits << 8n) | BigInt(byte)
  bits <<= 3n // 272 bits fill 54.4 symbols
  let text = ''
  for (let i = 54; i >= 0; i--) text += alphabet[Number((bits >> BigInt(5 * i)) & 31n)]
  return 'PH1-' + /** @type {string[]} */ (text.match(/.{5}/g)).join('-')
}

/** Reads a backup code however it was typed. @param {string} text */
export async function readBackupCode(text) {
  const symbols = text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1').replace(/^PH1/, '')
  if (symbols.length !== 55 || [...symbols].some((c) => !alphabet.includes(c))) throw new CustodyError('backup_malformed')
  let bits = 0n
  for (const c of symbols) bits = (bits << 5n) | BigInt(alphabet.indexOf(c))
  if (bits & 7n) throw new CustodyError('backup_malformed')
  bits >>= 3n
  const bytes = new Uint8Array(34)
  for (let i = 33; i >= 0; i--, bits >>= 8n) bytes[i] = Number(bits & 255n)
  const secret = bytes.slice(0, 32)
  if (!equal(await checksum(secret), bytes.subarray(32))) throw new CustodyError('backup_mistyped')
  return secret
}
