// QR codes (ISO/IEC 18004), drawn here so that a secret never goes to anybody
// else to be drawn. Byte mode, error correction level M, versions 1 to 20: up to
// 666 bytes.

/** Per version at level M: check bytes a block, blocks of the first size, data bytes in one of them, blocks one byte longer. */
const blocks = [
  [10, 1, 16, 0], [16, 1, 28, 0], [26, 1, 44, 0], [18, 2, 32, 0], [24, 2, 43, 0], [16, 4, 27, 0], [18, 4, 31, 0], [22, 2, 38, 2], [22, 3, 36, 2], [26, 4, 43, 1],
  [30, 1, 50, 4], [22, 6, 36, 2], [22, 8, 37, 1], [24, 4, 40, 5], [24, 5, 41, 5], [28, 7, 45, 3], [28, 10, 46, 1], [26, 9, 43, 4], [26, 3, 44, 11], [26, 3, 41, 13],
]

// Arithmetic in GF(256) with x^8 + x^4 + x^3 + x^2 + 1.
const exp = new Uint8Array(512), log = new Uint8Array(256)
for (let i = 0, x = 1; i < 255; i++) {
  exp[i] = exp[i + 255] = x
  log[x] = i
  x = (x << 1) ^ (x & 128 ? 0x11d : 0)
}
const times = (/** @type {number} */ a, /** @type {number} */ b) => (a && b ? exp[log[a] + log[b]] : 0)

/** Remainder of data * x^n by the product of (x - 2^i), i < n. @param {Uint8Array} data @param {number} n */
function check(data, n) {
  let generator = [1]
  for (let i = 0; i < n; i++) generator = [...generator, 0].map((c, j) => c ^ (j ? times(generator[j - 1], exp[i]) : 0))
  const rest = new Uint8Array(data.length + n)
  rest.set(data)
  for (let i = 0; i < data.length; i++) {
    const lead = rest[i]
    generator.forEach((c, j) => { rest[i + j] ^= times(c, lead) })
  }
  return rest.subarray(data.length)
}

/** All bytes of a symbol in their order. @param {Uint8Array} bytes @param {number} version */
function codewords(bytes, version) {
  const [n, first, size, longer] = blocks[version - 1]
  const total = first * size + longer * (size + 1)
  const bits = ['0100', bytes.length.toString(2).padStart(version < 10 ? 8 : 16, '0'), ...Array.from(bytes, (b) => b.toString(2).padStart(8, '0')), '0000'].join('')
  const data = new Uint8Array(total)
  let at = 0
  for (; at * 8 < bits.length && at < total; at++) data[at] = parseInt(bits.slice(at * 8, at * 8 + 8).padEnd(8, '0'), 2)
  for (let pad = 0xec; at < total; at++, pad ^= 0xec ^ 0x11) data[at] = pad
  const parts = []
  for (let i = 0, from = 0; i < first + longer; i++) {
    const length = i < first ? size : size + 1
    parts.push(data.subarray(from, from += length))
  }
  const checks = parts.map((p) => check(p, n))
  const out = []
  for (let i = 0; i <= size; i++) for (const p of parts) if (i < p.length) out.push(p[i])
  for (let i = 0; i < n; i++) for (const c of checks) out.push(c[i])
  return out
}

/** Where alignment patterns stand. @param {number} version */
function alignment(version) {
  if (version === 1) return []
  const n = Math.floor(version / 7) + 2, last = version * 4 + 10
  const step = Math.ceil((last - 6) / (n - 1) / 2) * 2
  return [6, ...Array.from({ length: n - 1 }, (_, i) => last - step * (n - 2 - i))]
}

const masks = /** @type {((r: number, c: number) => boolean)[]} */ ([
  (r, c) => (r + c) % 2 === 0, (r) => r % 2 === 0, (_, c) => c % 3 === 0, (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0, (r, c) => (r * c) % 2 + (r * c) % 3 === 0,
  (r, c) => ((r * c) % 2 + (r * c) % 3) % 2 === 0, (r, c) => ((r + c) % 2 + (r * c) % 3) % 2 === 0,
])

/** The remainder of a BCH code appended. @param {number} value @param {number} bits of the remainder @param {number} poly */
function bch(value, bits, poly) {
  let rest = value << bits
  for (let top = 31 - Math.clz32(rest); top >= bits; top = 31 - Math.clz32(rest)) rest ^= poly << (top - bits)
  return (value << bits) | rest
}

/** How hard a picture is to read: the four rules of the standard. @param {Uint8Array[]} m */
function penalty(m) {
  const n = m.length
  let sum = 0, dark = 0
  for (const at of [(/** @type {number} */ i, /** @type {number} */ j) => m[i][j], (/** @type {number} */ i, /** @type {number} */ j) => m[j][i]]) {
    for (let i = 0; i < n; i++) {
      let line = ''
      for (let j = 0; j < n; j++) line += at(i, j)
      for (const run of line.match(/(.)\1{4,}/g) ?? []) sum += run.length - 2
      for (let j = 0; j + 11 <= n; j++) if (line.startsWith('10111010000', j) || line.startsWith('00001011101', j)) sum += 40
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      dark += m[i][j]
      if (i && j && m[i][j] === m[i - 1][j] && m[i][j] === m[i][j - 1] && m[i][j] === m[i - 1][j - 1]) sum += 3
    }
  }
  return sum + 10 * Math.floor(Math.abs(dark / (n * n) * 20 - 10))
}

/** @param {Uint8Array} bytes @returns {Uint8Array[]} rows of modules, 1 is dark, without the quiet zone */
export function matrix(bytes) {
  const version = 1 + blocks.findIndex(([, first, size, longer], v) => first * size + longer * (size + 1) >= bytes.length + (v < 9 ? 2 : 3))
  if (version === 0) throw new RangeError('too long for a QR code')
  const n = version * 4 + 17
  const m = Array.from({ length: n }, () => new Uint8Array(n))
  const fixed = Array.from({ length: n }, () => new Uint8Array(n))
  const set = (/** @type {number} */ r, /** @type {number} */ c, /** @type {boolean | number} */ dark) => {
    if (r < 0 || c < 0 || r >= n || c >= n) return
    m[r][c] = Number(dark)
    fixed[r][c] = 1
  }
  for (let i = 0; i < n; i++) {
    set(6, i, i % 2 === 0)
    set(i, 6, i % 2 === 0)
  }
  for (const [r, c] of [[3, 3], [3, n - 4], [n - 4, 3]]) {
    for (let i = -4; i <= 4; i++) {
      for (let j = -4; j <= 4; j++) {
        const d = Math.max(Math.abs(i), Math.abs(j))
        set(r + i, c + j, d !== 2 && d !== 4)
      }
    }
  }
  const centres = alignment(version), last = centres.at(-1)
  for (const r of centres) {
    for (const c of centres) {
      if (r === 6 && c === 6 || r === 6 && c === last || r === last && c === 6) continue
      for (let i = -2; i <= 2; i++) for (let j = -2; j <= 2; j++) set(r + i, c + j, Math.max(Math.abs(i), Math.abs(j)) !== 1)
    }
  }
  if (version >= 7) {
    const bits = bch(version, 12, 0x1f25)
    for (let i = 0; i < 18; i++) {
      const a = Math.floor(i / 3), b = n - 11 + i % 3
      set(a, b, (bits >> i) & 1)
      set(b, a, (bits >> i) & 1)
    }
  }
  const format = (/** @type {number} */ mask) => {
    const bits = bch(mask, 10, 0x537) ^ 0x5412 // level M is 00
    for (let i = 0; i < 15; i++) {
      const bit = (bits >> i) & 1
      set(i < 6 ? i : i < 8 ? i + 1 : n - 15 + i, 8, bit)
      set(8, i < 8 ? n - 1 - i : i < 9 ? 7 : 14 - i, bit)
    }
    set(n - 8, 8, 1)
  }
  format(0)
  const stream = codewords(bytes, version)
  let at = 0
  for (let right = n - 1; right > 0; right -= 2) {
    if (right === 6) right = 5
    for (let i = 0; i < n; i++) {
      const r = ((right + 1) & 2) === 0 ? n - 1 - i : i
      for (const c of [right, right - 1]) {
        if (fixed[r][c]) continue
        if (at < stream.length * 8) m[r][c] = (stream[at >> 3] >> (7 - (at & 7))) & 1
        at++
      }
    }
  }
  let best = 0, least = Infinity
  const flip = (/** @type {number} */ mask) => {
    for (let r = 0; r < n; r++) for (let c = 0; c < n; c++) if (!fixed[r][c] && masks[mask](r, c)) m[r][c] ^= 1
  }
  for (let mask = 0; mask < 8; mask++) {
    flip(mask)
    format(mask)
    const p = penalty(m)
    if (p < least) [best, least] = [mask, p]
    flip(mask)
  }
  flip(best)
  format(best)
  return m
}

/** A QR code as a picture: dark on white also in the dark, or cameras do not read it. @param {string} text @param {string} label */
export function qr(text, label) {
  const m = matrix(new TextEncoder().encode(text))
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  svg.setAttribute('viewBox', `-4 -4 ${m.length + 8} ${m.length + 8}`)
  svg.setAttribute('class', 'qr')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', label)
  svg.setAttribute('shape-rendering', 'crispEdges')
  const path = document.createElementNS(ns, 'path')
  path.setAttribute('d', m.map((row, r) => Array.from(row, (dark, c) => (dark ? `M${c} ${r}h1v1h-1z` : '')).join('')).join(''))
  svg.append(path)
  return svg
}
