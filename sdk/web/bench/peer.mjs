// What the measurements share: processes that answer one line a line.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export const median = (/** @type {number[]} */ all) => [...all].sort((a, b) => a - b)[all.length >> 1]

/** A process that answers every line with "<milliseconds> <result>". @param {string} command @param {string[]} args */
export function peer(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, GOMAXPROCS: '1' } })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async once() {
      child.stdin.write('\n')
      const { value, done } = await answers.next()
      assert.ok(!done, `${command} ended`)
      const at = value.indexOf(' ')
      return { ms: Number(value.slice(0, at)), result: value.slice(at + 1) }
    },
    end: () => child.stdin.end(),
  }
}
