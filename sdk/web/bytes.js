// The byte formats that pages need: base64url, SHA-256, and from protocol.md
// sections 2 and 3 the content digests and the readable part of a challenge.

const utf8 = new TextEncoder()

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function encode(text) {
  return utf8.encode(text)
}

/** Base64url without padding. @param {Uint8Array} bytes */
export function toBase64url(bytes) {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Strict: the one way to write these bytes, or an error. @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new TypeError('not base64url')
  const raw = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = Uint8Array.from(raw, (c) => c.charCodeAt(0))
  if (toBase64url(bytes) !== text) throw new TypeError('not canonical base64url')
  return bytes
}

/** @param {...Uint8Array} parts @returns {Uint8Array<ArrayBuffer>} */
export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Big-endian number of the given size in bytes. @param {number} value @param {2 | 4 | 8} size */
export function uint(value, size) {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value))
  return out.subarray(8 - size)
}

/** A u16 length and the bytes. @param {Uint8Array} bytes */
export function prefixed(bytes) {
  return concat(uint(bytes.length, 2), bytes)
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export function equal(a, b) {
  return a.length === b.length && a.every((x, i) => x === b[i])
}

/**
 * What a message is bound to: H("perhuman/content/1" || lp(kind) || bytes).
 * @param {string} kind @param {Uint8Array} bytes
 */
export function contentDigest(kind, bytes) {
  return sha256(concat(encode('perhuman/content/1'), prefixed(encode(kind)), bytes))
}

/**
 * Canonical bytes of a post. Author and text must be in NFC already: what is
 * signed is what was shown, so nothing is changed silently here.
 * @param {{rp: string, author: string, created: number, text: string, media?: Uint8Array[]}} post
 */
export function canonicalPost(post) {
  for (const s of [post.author, post.text]) {
    if (s !== s.normalize('NFC') || s.includes('\0')) throw new TypeError('text is not in NFC')
  }
  const text = encode(post.text)
  const media = post.media ?? []
  return concat(prefixed(encode(post.rp)), prefixed(encode(post.author)), uint(post.created, 8),
    uint(text.length, 4), text, uint(media.length, 2), ...media)
}

/**
 * The relying party of an origin as the browser reports it, or '' if such an
 * origin may not ask: https with the default port, or http on *.localhost.
 * @param {string} origin
 */
export function rpFromOrigin(origin) {
  let url
  try {
    url = new URL(origin)
  } catch {
    return ''
  }
  if (url.origin !== origin) return ''
  const host = url.hostname
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host) || /\.\d+$/.test(host)) return ''
  if (url.protocol === 'https:' && url.port === '') return host
  if (url.protocol === 'http:' && host.endsWith('.localhost')) return url.host
  return ''
}
