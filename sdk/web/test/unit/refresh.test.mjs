// The wallet's background reading, over days of a clock that the test turns:
// its times are random, within bounds, each issuer's for itself, and follow
// nothing that a person or a site does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longest } from '../../wallet/limits.js'
import { pause, Refresher, soon } from '../../wallet/refresh.js'

/** A clock with timers, and randomness from a seed (xorshift). @param {number} seed */
function world(seed) {
  /** @type {Map<number, {at: number, work: () => void}>} */
  const timers = new Map()
  let now = 0, next = 1, state = seed | 1
  return {
    get now() { return now },
    random() {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      return (state >>> 0) / 2 ** 32
    },
    after(work, ms) {
      timers.set(next, { at: now + ms, work })
      return next++
    },
    stop: (timer) => void timers.delete(timer),
    async until(end) {
      for (;;) {
        const [first] = [...timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)
        if (!first) break
        timers.delete(first[0])
        now = first[1].at
        first[1].work()
        await new Promise((resolve) => setImmediate(resolve))
      }
      now = end
    },
    timers,
  }
}

const day = 86_400_000

/** The times of a day's readings, by issuer. */
async function play(seed, { issuers = ['a', 'b'], fail = false, disturb = async (_w, _r) => {} } = {}) {
  const w = world(seed), times = Object.fromEntries(issuers.map((i) => [i, []]))
  const r = new Refresher(async (issuer) => {
    times[issuer].push(w.now)
    if (fail) throw new Error('no connection')
  }, w)
  r.start(issuers)
  await disturb(w, r)
  await w.until(day)
  return { times, w, r }
}

test('a day of readings: random, never too far apart to prove, each issuer on its own', async () => {
  const { times, w, r } = await play(7)
  for (const [issuer, at] of Object.entries(times)) {
    const gaps = at.map((t, i) => t - (at[i - 1] ?? 0))
    assert.ok(gaps.length > 100 && gaps.length < 250, `${issuer}: ${gaps.length}`)
    assert.ok(gaps.every((g) => g >= pause.least && g <= pause.most))
    const mean = gaps.reduce((a, b) => a + b) / gaps.length, middle = (pause.least + pause.most) / 2
    assert.ok(Math.abs(mean - middle) < middle / 5, `${issuer}: ${mean}`)
    // Spread over all of the interval, not around a few values.
    const tenths = new Set(gaps.map((g) => Math.floor(10 * (g - pause.least) / (pause.most - pause.least))))
    assert.ok(tenths.size >= 9, [...tenths].join())
  }
  const together = times.a.filter((t) => times.b.some((u) => Math.abs(t - u) < 1000)).length
  assert.ok(together <= 3, `${together} times together`)
  assert.ok(pause.most * 3 <= longest * 1000, 'two readings may fail, and the set is still young enough')
  r.stop()
  await w.until(2 * day)
  assert.equal(times.a.at(-1) > day, false, 'it read after it was stopped')
})

test('another seed, other times; the same seed, the same', async () => {
  const [one, again, other] = await Promise.all([play(3), play(3), play(4)])
  assert.deepEqual(one.times, again.times)
  assert.notDeepEqual(one.times, other.times)
})

test('failures and repeated starts change nothing of the times', async () => {
  const quiet = await play(11), failing = await play(11, { fail: true })
  assert.deepEqual(failing.times, quiet.times)
  const started = await play(11, { disturb: async (w, r) => { for (let i = 1; i < 20; i++) await w.until(i * 60_000).then(() => r.start(['a', 'b'])) } })
  assert.deepEqual(started.times, quiet.times, 'an unlock moved a reading')
})

test('what the browser asks for comes at a random time too, within bounds', async () => {
  const first = []
  for (let seed = 1; seed <= 40; seed++) {
    const { times } = await play(seed * 7919, { issuers: ['a'], disturb: async (w, r) => { r.hurry() } })
    first.push(times.a[0])
  }
  assert.ok(first.every((t) => t >= soon.least && t <= soon.most))
  assert.ok(new Set(first.map((t) => Math.floor(t / (soon.most / 8)))).size >= 6)
})
