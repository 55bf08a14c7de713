// Processor time of one proof at depth 20: our prover in Go and the official
// package in Node, in turns, each with its key in memory.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Identity } from '@semaphore-protocol/identity'
import { generateProof } from '@semaphore-protocol/proof'
import { artifact, DEPTH, importGroup, verifies } from '../test/support/official.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const median = (/** @type {number[]} */ all) => [...all].sort((a, b) => a - b)[all.length >> 1]

/** @param {string} exported the set @param {Uint8Array} secret @param {number} pairs */
export async function processorTime(exported, secret, pairs) {
  const dir = mkdtempSync(join(tmpdir(), 'perhuman-bench-'))
  const binary = join(dir, 'prover'), set = join(dir, 'set.json')
  let child
  try {
    writeFileSync(set, exported)
    execFileSync('go', ['build', '-trimpath', '-o', binary, './sdk/web/bench/prover.go'], { cwd: root, stdio: 'inherit' })
    child = spawn(binary, [Buffer.from(secret).toString('base64url'), set], { stdio: ['pipe', 'pipe', 'inherit'] })
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const ours = async () => {
      child.stdin.write('\n')
      const { value, done } = await answers.next()
      assert.ok(!done, 'the Go prover ended')
      const [ms, ...text] = value.split(' ')
      assert.ok(await verifies(JSON.parse(text.join(' '))))
      return Number(ms)
    }
    const id = new Identity(secret), group = importGroup(exported)
    const artifacts = { wasm: new Uint8Array(readFileSync(artifact('wasm'))), zkey: new Uint8Array(readFileSync(artifact('zkey'))) }
    const theirs = async () => {
      const begin = process.cpuUsage()
      const proof = await generateProof(id, group, 1n, 2n, DEPTH, /** @type {any} */ (artifacts))
      const { user, system } = process.cpuUsage(begin)
      assert.ok(await verifies(proof))
      return (user + system) / 1000
    }
    await ours()
    await theirs()
    const a = [], b = []
    for (let n = 0; n < pairs; n++) {
      a.push(await ours())
      b.push(await theirs())
    }
    console.log(`BENCH prove20_go_cpu_ms ${median(a).toFixed(0)} ms`)
    console.log(`BENCH prove20_snarkjs_cpu_ms ${median(b).toFixed(0)} ms`)
    console.log(`BENCH prove20_vs_snarkjs ${(median(a) / median(b)).toFixed(3)} ratio`)
  } finally {
    child?.stdin.end()
    rmSync(dir, { recursive: true, force: true })
  }
}
