// Processor time of a set of 20,000 members: our group in Go and the official
// tree in Node, in turns, each in a process of its own, members in memory.
// Theirs is what the official Group builds, without the checks of its front.
//
//   tree_vs_zkkit_20k  theirs over ours, median of PAIRS pairs after a warm-up
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { median, peer } from './peer.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const MEMBERS = 20_000
const PAIRS = Number(process.env.PAIRS ?? 15)
const WARM = 2

/** The other side, in its own process. */
async function serve() {
  const { LeanIMT } = await import('@zk-kit/lean-imt')
  const { poseidon2 } = await import('poseidon-lite/poseidon2')
  const members = Array.from({ length: MEMBERS }, (_, i) => (1n << 240n) + BigInt(i))
  for await (const _ of createInterface({ input: process.stdin })) {
    const begin = process.cpuUsage()
    const tree = new LeanIMT((/** @type {bigint} */ a, /** @type {bigint} */ b) => poseidon2([a, b]), members)
    const { user, system } = process.cpuUsage(begin)
    console.log(`${((user + system) / 1000).toFixed(3)} ${tree.root}`)
  }
}

export async function treeTime() {
  const dir = mkdtempSync(join(tmpdir(), 'perhuman-bench-'))
  const binary = join(dir, 'tree')
  const peers = []
  try {
    execFileSync('go', ['build', '-trimpath', '-o', binary, './sdk/web/bench/tree.go'], { cwd: root, stdio: 'inherit' })
    peers.push(peer(binary, [String(MEMBERS)]), peer(process.execPath, [fileURLToPath(import.meta.url), 'serve']))
    const a = [], b = [], ratio = []
    for (let n = 0; n < PAIRS + WARM; n++) {
      const ours = await peers[0].once(), theirs = await peers[1].once()
      assert.equal(ours.result, theirs.result, 'the roots differ')
      if (n < WARM) continue
      a.push(ours.ms)
      b.push(theirs.ms)
      ratio.push(theirs.ms / ours.ms)
    }
    console.log(`BENCH tree_20k_go_cpu_ms ${median(a).toFixed(0)} ms`)
    console.log(`BENCH tree_20k_zkkit_cpu_ms ${median(b).toFixed(0)} ms`)
    console.log(`BENCH tree_vs_zkkit_20k ${median(ratio).toFixed(1)} ratio`)
  } finally {
    for (const p of peers) p.end()
    rmSync(dir, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await (process.argv[2] === 'serve' ? serve() : treeTime())
