// Tests with patience, and steps of one story: after one fails, those behind it
// cannot succeed and are not waited for.
import { test as one } from 'node:test'

/** A time-out is there to end what hangs: nothing that goes on, on a machine that is shared, is cut off. */
export const patience = process.env.CI === 'true' ? 4 : 1

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
