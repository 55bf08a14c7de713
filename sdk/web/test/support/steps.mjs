// Steps of one story: after one fails, those behind it cannot succeed and are
// not waited for.
import { test } from 'node:test'

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
