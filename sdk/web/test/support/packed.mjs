// The packed form of a proof, 257 bytes, written from its description alone
// and with big integers only, so that it checks the Go code that apps run:
//
//   depth u8 | root | nullifier | message | scope, 32 bytes each | A 32 | B 64 | C 32
//
// Points are compressed: big-endian X (of B the imaginary part first), the two
// top bits are 10 or 11, 11 when Y is the larger of the two candidates.

/** Order of the scalar field. */
export const r = 21888242871839275222246405745257275088548364400416034343698204186575808495617n
/** Order of the base field. */
export const q = 21888242871839275222246405745257275088696311157297823662689037894645226208583n

export const SIZE = 257

/**
 * A proof as the official package writes it.
 * @typedef {{merkleTreeDepth: number, merkleTreeRoot: string, nullifier: string, message: string, scope: string, points: string[]}} Proof
 */

const mod = (/** @type {bigint} */ x) => ((x % q) + q) % q

/** @param {bigint} base @param {bigint} exponent */
function pow(base, exponent) {
  let out = 1n
  for (base = mod(base); exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) out = out * base % q
    base = base * base % q
  }
  return out
}

/** A square root in the base field, where q mod 4 is 3. @param {bigint} x */
function sqrt(x) {
  const y = pow(x, (q + 1n) / 4n)
  if (y * y % q !== mod(x)) throw new RangeError('not on the curve')
  return y
}

/** Elements of the extension are [real, imaginary], with i*i = -1. @typedef {[bigint, bigint]} Fq2 */
const mul2 = (/** @type {Fq2} */ [a, b], /** @type {Fq2} */ [c, d]) => /** @type {Fq2} */ ([mod(a * c - b * d), mod(a * d + b * c)])

/** @param {Fq2} x @returns {Fq2} */
function sqrt2(x) {
  const [a, b] = x
  const half = (q + 1n) / 2n
  const norm = sqrt(a * a + b * b)
  // The real part's square is (a + n) / 2 for one of the two norms n.
  for (const n of [norm, mod(-norm)]) {
    const square = mod((a + n) * half)
    const real = pow(square, (q + 1n) / 4n)
    if (real * real % q !== square) continue
    const y = /** @type {Fq2} */ (real === 0n ? [0n, sqrt(-a)] : [real, mod(b * half * pow(real, q - 2n))])
    const [c, d] = mul2(y, y)
    if (c === mod(a) && d === mod(b)) return y
  }
  throw new RangeError('not on the curve')
}

/** y*y = x^3 + 3 / (9 + i) on the twist. @type {Fq2} */
const twist = (() => {
  const inverse = pow(82n, q - 2n) // of the norm 9*9 + 1*1
  return [mod(27n * inverse), mod(-3n * inverse)]
})()

const large = (/** @type {bigint} */ y) => y > (q - 1n) / 2n
const large2 = (/** @type {Fq2} */ [real, imaginary]) => (imaginary === 0n ? large(real) : large(imaginary))

/**
 * A point of the twist, which is hardly ever in the subgroup that pairings need.
 * @param {bigint} x where to begin to look
 * @returns {[bigint, bigint, bigint, bigint]} in the order of a proof's points
 */
export function twistPoint(x) {
  for (x = mod(x); ; x++) {
    const [cr, ci] = mul2(mul2([x, 1n], [x, 1n]), [x, 1n])
    try {
      const [real, imaginary] = sqrt2([mod(cr + twist[0]), mod(ci + twist[1])])
      return [1n, x, imaginary, real]
    } catch {} // every second x has no y
  }
}

/** @param {bigint} value */
function bytes32(value) {
  if (value < 0n || value >> 256n) throw new RangeError('not 32 bytes')
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
}

/** @param {Buffer} out @param {boolean} sign */
function flagged(out, sign) {
  out[0] |= sign ? 0xc0 : 0x80
  return out
}

/** @param {Proof} proof @returns {Buffer} */
export function pack(proof) {
  const [ax, ay, bx1, bx0, by1, by0, cx, cy] = proof.points.map(BigInt)
  const fields = [proof.merkleTreeRoot, proof.nullifier, proof.message, proof.scope].map((v) => bytes32(BigInt(v)))
  return Buffer.concat([Buffer.from([proof.merkleTreeDepth]), ...fields,
    flagged(bytes32(ax), large(ay)), flagged(Buffer.concat([bytes32(bx1), bytes32(bx0)]), large2([by0, by1])), flagged(bytes32(cx), large(cy))])
}

/** @param {Uint8Array} packed @returns {Proof} */
export function unpack(packed) {
  const b = Buffer.from(packed)
  if (b.length !== SIZE) throw new RangeError(`${b.length} bytes`)
  const at = (/** @type {number} */ n) => BigInt('0x' + b.toString('hex', n, n + 32))
  const x = (/** @type {number} */ n) => {
    if (b[n] >> 6 < 2) throw new RangeError('flags of a point')
    return at(n) & ((1n << 254n) - 1n)
  }
  const sign = (/** @type {number} */ n) => b[n] >> 6 === 3
  const g1 = (/** @type {number} */ n) => {
    const y = sqrt(x(n) ** 3n + 3n)
    return [x(n), large(y) === sign(n) ? y : q - y]
  }
  /** @type {Fq2} */
  const bx = [at(161 + 32), x(161)]
  const [cr, ci] = mul2(mul2(bx, bx), bx)
  let by = sqrt2([mod(cr + twist[0]), mod(ci + twist[1])])
  if (large2(by) !== sign(161)) by = [mod(-by[0]), mod(-by[1])]
  const [root, nullifier, message, scope] = [1, 33, 65, 97].map((n) => at(n).toString())
  return {
    merkleTreeDepth: b[0], merkleTreeRoot: root, nullifier, message, scope,
    points: [...g1(129), bx[1], bx[0], by[1], by[0], ...g1(225)].map(String),
  }
}
