// Cuts numbers into three shares, as package issuer/biometric/mpc/galois does:
// Shamir's scheme over the Galois ring GR = Z/2^32[x]/(x^4 - x - 1), four
// numbers in one element, parties at 1, x and 1 + x. One share is uniform
// whatever the numbers were; any two give them.

/** alpha_0 to alpha_3, the self-dual basis: coefficients of 1, x, x^2, x^3. */
const basis = [
  [0x212c0260, 0xc19ab5c3, 0xa4c41107, 0x38f6f759],
  [0x92a563d4, 0x0aa11e41, 0x5e9cfaa8, 0x4bdfcaa2],
  [0xe7531a79, 0x2a063587, 0x85b66bcc, 0x67104e62],
  [0x2211d39b, 0xca2c27ce, 0xb0d04562, 0xbf7943c3],
]

/**
 * Three shares, each as long as values. Negative values wrap.
 * @param {ArrayLike<number>} values 32-bit integers, a multiple of four of them
 * @param {Uint8Array} random four secret uniform bytes for each value
 * @returns {[Uint32Array, Uint32Array, Uint32Array]}
 */
export function split(values, random) {
  const n = values.length
  if (n % 4 !== 0 || random.length !== 4 * n) throw new RangeError('not a whole number of quadruples, or not four random bytes for each value')
  const masks = new DataView(random.buffer, random.byteOffset, random.byteLength)
  const shares = /** @type {[Uint32Array, Uint32Array, Uint32Array]} */ ([new Uint32Array(n), new Uint32Array(n), new Uint32Array(n)])
  for (let at = 0; at < n; at += 4) {
    const r = [0, 1, 2, 3].map((k) => masks.getUint32(4 * (at + k), true))
    const rx = [r[3], r[0] + r[3], r[1], r[2]] // x^4 is x + 1
    for (let k = 0; k < 4; k++) {
      let s = 0 // the element that holds the four values
      for (let j = 0; j < 4; j++) s = (s + Math.imul(values[at + j], basis[j][k])) | 0
      shares[0][at + k] = s + r[k] // 32-bit arrays take numbers modulo 2^32
      shares[1][at + k] = s + rx[k]
      shares[2][at + k] = s + r[k] + rx[k]
    }
  }
  return shares
}
