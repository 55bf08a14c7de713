// HPKE (RFC 9180) for one message to one key, with what browsers have: base mode,
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. It only seals.
import { concat, encode, uint } from '../bytes.js'

const kem = concat(encode('KEM'), uint(0x20, 2))
const suite = concat(encode('HPKE'), uint(0x20, 2), uint(1, 2), uint(2, 2))
const none = new Uint8Array(0)

/** @param {Uint8Array<ArrayBuffer>} key @param {Uint8Array<ArrayBuffer>} data */
async function hmac(key, data) {
  // HMAC fills a short key up with zeros, so zeros are the empty key, which some browsers do not take.
  const k = await crypto.subtle.importKey('raw', key.length ? key : new Uint8Array(32), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', k, data))
}

/** LabeledExtract of section 4. @param {Uint8Array<ArrayBuffer>} of @param {Uint8Array<ArrayBuffer>} salt @param {string} label @param {Uint8Array<ArrayBuffer>} ikm */
const extract = (of, salt, label, ikm) => hmac(salt, concat(encode('HPKE-v1'), of, encode(label), ikm))

/** LabeledExpand of section 4, of 32 bytes or fewer. @param {Uint8Array<ArrayBuffer>} of @param {Uint8Array<ArrayBuffer>} secret @param {string} label @param {Uint8Array<ArrayBuffer>} context @param {number} size */
async function expand(of, secret, label, context, size) {
  return (await hmac(secret, concat(uint(size, 2), encode('HPKE-v1'), of, encode(label), context, Uint8Array.of(1)))).slice(0, size)
}

/** A key pair for one message. @returns {Promise<CryptoKeyPair>} */
export async function ephemeral() {
  return /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey({ name: 'X25519' }, false, ['deriveBits']))
}

/**
 * Seals one message, the first and only one of its context.
 * @param {Uint8Array<ArrayBuffer>} to 32 bytes, an X25519 public key
 * @param {Uint8Array<ArrayBuffer>} info @param {Uint8Array<ArrayBuffer>} aad @param {Uint8Array<ArrayBuffer>} plain
 * @param {() => Promise<CryptoKeyPair>} fresh makes the sender's key pair
 * @returns {Promise<Uint8Array<ArrayBuffer>>} the sender's public key (32 bytes) and the ciphertext
 * @throws if the key is a point of small order, or the browser has no X25519
 */
export async function seal(to, info, aad, plain, fresh = ephemeral) {
  const key = await crypto.subtle.importKey('raw', to, { name: 'X25519' }, false, [])
  const own = await fresh()
  const enc = new Uint8Array(await crypto.subtle.exportKey('raw', own.publicKey))
  const dh = new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: key }, own.privateKey, 256))
  if (dh.every((b) => b === 0)) throw new TypeError('a key of small order')
  const secret = await expand(kem, await extract(kem, none, 'eae_prk', dh), 'shared_secret', concat(enc, to), 32)
  const context = concat(Uint8Array.of(0), await extract(suite, none, 'psk_id_hash', none), await extract(suite, none, 'info_hash', info))
  const scheduled = await extract(suite, secret, 'secret', none)
  const aes = await crypto.subtle.importKey('raw', await expand(suite, scheduled, 'key', context, 32), { name: 'AES-GCM' }, false, ['encrypt'])
  const iv = await expand(suite, scheduled, 'base_nonce', context, 12)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: aad }, aes, plain)
  return concat(enc, new Uint8Array(sealed))
}
