// Changed proofs for the differential tests: values, points, spellings, bits.
import { pack, q, r, SIZE, twistPoint, unpack } from './packed.mjs'

/** @typedef {import('./packed.mjs').Proof} Proof */

/** A small generator with a seed (mulberry32), so that a failure can be had again. @param {number} seed */
export function random(seed) {
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (/** @type {number} */ n) => next() % n
  return {
    below,
    pick: /** @template T @param {readonly T[]} all @returns {T} */ (all) => all[below(all.length)],
    big: () => BigInt('0x' + Array.from({ length: 8 }, () => next().toString(16).padStart(8, '0')).join('')),
  }
}

/** The four numbers and the values that they may have. */
const fields = /** @type {const} */ ({ merkleTreeRoot: r, nullifier: r, message: 1n << 256n, scope: 1n << 256n })
const names = /** @type {(keyof typeof fields)[]} */ (Object.keys(fields))

/**
 * Whether a text is a proof in the one spelling there is: the rule that the
 * official verifier lacks.
 * @param {string} text
 */
export function canonical(text) {
  let p
  try {
    p = JSON.parse(text)
  } catch {
    return false
  }
  const number = (/** @type {unknown} */ v, /** @type {bigint} */ limit) => typeof v === 'string' && /^(0|[1-9][0-9]{0,77})$/.test(v) && BigInt(v) < limit
  return typeof p === 'object' && p !== null && JSON.stringify(p) === text
    && Object.keys(p).sort().join() === 'merkleTreeDepth,merkleTreeRoot,message,nullifier,points,scope'
    && Number.isInteger(p.merkleTreeDepth) && p.merkleTreeDepth >= 1 && p.merkleTreeDepth <= 32
    && names.every((name) => number(p[name], fields[name])) && p.merkleTreeRoot !== '0'
    && Array.isArray(p.points) && p.points.length === 8 && p.points.every((/** @type {unknown} */ v) => number(v, q))
}

const clone = (/** @type {Proof} */ p) => /** @type {any} */ (structuredClone(p))

/** Ways to write a number that BigInt() reads as the same one, and a few that it does not. */
const spellings = [
  (/** @type {string} */ s) => '0' + s, (/** @type {string} */ s) => '0x' + BigInt(s).toString(16), (/** @type {string} */ s) => '0X' + BigInt(s).toString(16).toUpperCase(),
  (/** @type {string} */ s) => ' ' + s, (/** @type {string} */ s) => s + '\n', (/** @type {string} */ s) => '\ufeff' + s, (/** @type {string} */ s) => '+' + s,
  (/** @type {string} */ s) => '-' + s, (/** @type {string} */ s) => s + '.0', (/** @type {string} */ s) => s + 'n', () => '', (/** @type {string} */ s) => Number(s).toExponential(),
  (/** @type {string} */ s) => s.replace(/[0-9]/g, (d) => String.fromCodePoint(0x660 + Number(d))), (/** @type {string} */ s) => [s], (/** @type {string} */ s) => Number(s), () => null, () => true,
]

/**
 * Kinds of change. Each takes a copy of a valid proof, another valid proof of
 * another person, and a generator, and gives the changed one.
 * @type {Record<string, (p: any, other: Proof, rand: ReturnType<typeof random>, curve: any) => any>}
 */
const kinds = {
  'another value': (p, _, rand) => {
    const name = rand.pick(names)
    const by = rand.pick([1n, fields[name] - 1n, rand.big()])
    p[name] = ((BigInt(p[name]) + by) % fields[name]).toString()
    return p
  },
  'one digit': (p, _, rand) => {
    const digit = (/** @type {string} */ s) => {
      const at = rand.below(s.length)
      return s.slice(0, at) + (Number(s[at]) + 1 + rand.below(9)) % 10 + s.slice(at + 1)
    }
    if (rand.below(2)) {
      const name = rand.pick(names)
      p[name] = digit(p[name])
    } else {
      const n = rand.below(8)
      p.points[n] = digit(p.points[n])
    }
    return p
  },
  'zero': (p, _, rand) => {
    if (rand.below(2)) p[rand.pick(names)] = '0'
    else for (const n of rand.pick([[0, 1], [2, 3, 4, 5], [6, 7], [rand.below(8)], [0, 1, 2, 3, 4, 5, 6, 7]])) p.points[n] = '0'
    return p
  },
  'the modulus added': (p, _, rand) => {
    const n = rand.below(12)
    if (n < 8) p.points[n] = (BigInt(p.points[n]) + q).toString()
    else p[names[n - 8]] = (BigInt(p[names[n - 8]]) + r).toString()
    return p
  },
  'another person\'s': (p, other, rand) => {
    if (rand.below(2)) p[rand.pick(names)] = other[rand.pick(names)]
    else for (const n of rand.pick([[0, 1], [2, 3, 4, 5], [6, 7], [rand.below(8)], [0, 1, 2, 3, 4, 5, 6, 7]])) p.points[n] = other.points[n]
    return p
  },
  'another order': (p, _, rand) => {
    const [a, b] = rand.pick([[2, 3], [4, 5], [0, 6], [1, 7], [0, 1], [rand.below(8), rand.below(8)]])
    ;[p.points[a], p.points[b]] = [p.points[b], p.points[a]]
    if (rand.below(3) === 0) [p.message, p.scope] = [p.scope, p.message]
    return p
  },
  'another depth': (p, _, rand) => {
    p.merkleTreeDepth = rand.pick([0, -1, 1, 19, 21, 32, 33, 20.5, 1e9, '20', null, rand.below(34)])
    return p
  },
  'a negated point': (p, _, rand) => {
    for (const n of rand.pick([[1], [4, 5], [7], [1, 4, 5], [1, 7]])) p.points[n] = ((q - BigInt(p.points[n])) % q).toString()
    return p
  },
  // Groth16 proofs can be made over by anybody: (kA, B/k, C) is as good.
  'made over': (p, _, rand, curve) => {
    const k = rand.big() % (r - 1n) + 1n
    const { G1, G2, Fr } = curve
    const [ax, ay, bx1, bx0, by1, by0] = p.points
    const a = G1.toObject(G1.toAffine(G1.timesFr(G1.fromObject([BigInt(ax), BigInt(ay), 1n]), Fr.fromObject(k))))
    const b = G2.toObject(G2.toAffine(G2.timesFr(G2.fromObject([[BigInt(bx0), BigInt(bx1)], [BigInt(by0), BigInt(by1)], [1n, 0n]]), Fr.inv(Fr.fromObject(k)))))
    const part = rand.below(4) // the whole, or half of it, which is nothing
    if (part !== 1) p.points.splice(0, 2, String(a[0]), String(a[1]))
    if (part !== 2) p.points.splice(2, 4, String(b[0][1]), String(b[0][0]), String(b[1][1]), String(b[1][0]))
    return p
  },
  'a point outside the subgroup': (p, _, rand) => {
    p.points.splice(2, 4, ...twistPoint(rand.big()).map(String))
    return p
  },
  'another spelling': (p, _, rand) => {
    const spell = rand.pick(spellings)
    if (rand.below(3)) {
      const name = rand.pick(names)
      p[name] = spell(p[name])
    } else {
      const n = rand.below(8)
      p.points[n] = spell(p.points[n])
    }
    return p
  },
  'another shape': (p, _, rand) => rand.pick([
    () => ({ ...p, extra: 1 }), () => ({ ...p, points: [...p.points, '0'] }), () => ({ ...p, points: p.points.slice(0, 7) }), () => ({ ...p, points: [] }),
    () => ({ ...p, points: [p.points] }), () => ({ ...p, points: p.points.join() }), () => [p], () => ({ ...p, [rand.pick(names)]: undefined }),
    () => ({ ...p, points: Object.assign({}, p.points) }), () => ({ Nullifier: p.nullifier, ...p }), () => null, () => ({}),
  ])(),
  'another text': (p, _, rand) => {
    const text = JSON.stringify(p)
    return new String(rand.pick([
      text + ' x', text + '{}', text.replace('{', '{"nullifier":"7",'), text.replace('}', ',"nullifier":"7"}'), text.slice(0, -1), '', text.replace('"scope"', '"Scope"'),
    ]))
  },
}

/**
 * @param {number} seed
 * @param {[Proof, Proof]} bases two valid proofs; the first one is changed
 * @param {any} curve snarkjs's, for points
 * @returns {{kind: string, text: string, meant: unknown}} text: what is sent; meant: what the official verifier is asked about
 */
export function mutate(seed, [base, other], curve) {
  const rand = random(seed)
  const all = [...Object.keys(kinds), 'one bit of the packed form', 'the packed form cut']
  const kind = all[seed % all.length]
  if (kind === 'one bit of the packed form') {
    const packed = pack(base)
    const bit = rand.below(8 * SIZE)
    packed[bit >> 3] ^= 0x80 >> (bit & 7)
    let meant
    try {
      meant = unpack(packed)
    } catch {} // then it stands for nothing
    return { kind, text: packed.toString('base64url'), meant }
  }
  if (kind === 'the packed form cut') {
    const text = pack(base).toString('base64url')
    return { kind, text: rand.pick([text.slice(0, -1), text + 'A', text + '=', text.slice(0, 300), text.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')), ' ' + text]), meant: undefined }
  }
  const changed = kinds[kind](clone(base), other, rand, curve)
  const text = changed instanceof String ? String(changed) : JSON.stringify(changed)
  let meant
  try {
    meant = JSON.parse(text)
  } catch {}
  return { kind, text, meant }
}
