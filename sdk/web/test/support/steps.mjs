// Tests with patience, and steps of one story: after one fails, those behind it
// cannot succeed and are not waited for.
import { test as one } from 'node:test'

/** A time-out is there to end what hangs: nothing that goes on, on a machine that is shared, is cut off. */
export const patience = process.env.CI === 'true' ? 4 : 1

/**
 * Asks until there is an answer: for what no page and no process tells by itself.
 * @template T @param {string} what @param {() => Promise<T>} ask a falsy answer is none @returns {Promise<NonNullable<T>>}
 */
export async function until(what, ask) {
  for (const end = Date.now() + 60_000 * patience; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`waited a minute and more, and never: ${what}`)
  }
}

/** As that of node:test, with `timeout` for a machine that is not busy. */
export const test = (name, options, run) => one(name, { ...options, timeout: (options.timeout ?? 30_000) * patience }, run)

export function steps() {
  let failed = ''
  return (name, options, run) => test(name, options, async (t) => {
    if (failed) {
      t.skip(`after a failed step: ${failed}`)
      return
    }
    try {
      await run(t)
    } catch (err) {
      failed = name
      throw err
    }
  })
}
