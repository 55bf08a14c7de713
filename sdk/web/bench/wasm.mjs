// Processor time of a proof at depth 20, witness included, of two processes of
// Node in turns: our prover as js/wasm, and snarkjs on one thread, with key and
// program in memory and the Merkle path ready.
//
// snarkjs's own option singleThread builds and compiles its arithmetic anew for
// every proof, which takes half a second more. We leave it a curve that was
// built once with that option, where it looks for one: its best case.
//
//   wasm_prove20_vs_snarkjs  ours over theirs, median of the ratios of PAIRS pairs after WARM
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Identity } from '@semaphore-protocol/identity'
import { artifact, DEPTH, importGroup, verifies } from '../test/support/official.mjs'
import { median, peer } from './peer.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const PAIRS = Math.max(Number(process.env.PAIRS ?? 15), 15)
const WARM = 2

/** @param {string} exported the set @param {Uint8Array} secret */
export async function wasmTime(exported, secret) {
  const dir = mkdtempSync(join(tmpdir(), 'perhuman-bench-'))
  const program = join(dir, 'prover.wasm'), set = join(dir, 'set.json')
  const peers = []
  try {
    writeFileSync(set, exported)
    execFileSync('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', program, './sdk/web/bench/wasmprover.go'],
      { cwd: root, stdio: 'inherit', env: { ...process.env, GOOS: 'js', GOARCH: 'wasm' } })
    const args = [fileURLToPath(import.meta.url), Buffer.from(secret).toString('base64url'), set]
    peers.push(peer(process.execPath, [...args, program]), peer(process.execPath, args))
    const a = [], b = [], ratio = []
    for (let n = 0; n < PAIRS + WARM; n++) {
      const ours = await peers[0].once(), theirs = await peers[1].once()
      for (const { result } of [ours, theirs]) assert.ok(await verifies(JSON.parse(result)))
      if (n < WARM) continue
      a.push(ours.ms)
      b.push(theirs.ms)
      ratio.push(ours.ms / theirs.ms)
    }
    console.log(`BENCH wasm_prove20_node_cpu_ms ${median(a).toFixed(0)} ms`)
    console.log(`BENCH snarkjs_prove20_single_cpu_ms ${median(b).toFixed(0)} ms`)
    console.log(`BENCH wasm_prove20_vs_snarkjs ${median(ratio).toFixed(3)} ratio`)
  } finally {
    for (const p of peers) p.end()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Our side. @param {string} secret @param {string} set @param {string} program */
async function ours(secret, set, program) {
  const { createRequire } = await import('node:module')
  const g = /** @type {any} */ (globalThis)
  g.require = createRequire(import.meta.url)
  g.fs = g.require('fs')
  g.path = g.require('path')
  await import(join(execFileSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).trim(), 'lib/wasm/wasm_exec.js'))
  const go = new g.Go()
  go.argv = ['prover', secret, set]
  const { instance } = await WebAssembly.instantiate(readFileSync(program), go.importObject)
  void go.run(instance)
  while (!g.perhumanProve) await new Promise((resolve) => setTimeout(resolve, 10))
  return async (/** @type {number} */ n) => g.perhumanProve(n)
}

/** Their side: what the official package's generateProof does, but for its threads. @param {string} secret @param {string} set */
async function theirs(secret, set) {
  const { groth16 } = await import('snarkjs')
  const { packGroth16Proof } = await import('@zk-kit/utils')
  const { keccak256, toBeHex } = await import('ethers')
  const { buildBn128 } = await import('ffjavascript')
  Object.assign(globalThis, { curve_bn128: await buildBn128(true) })
  const id = new Identity(Buffer.from(secret, 'base64url')), group = importGroup(readFileSync(set, 'utf8'))
  const path = group.generateMerkleProof(group.indexOf(id.commitment))
  const siblings = [...path.siblings, ...Array(DEPTH - path.siblings.length).fill(0n)]
  const hash = (/** @type {bigint} */ v) => (BigInt(keccak256(toBeHex(v, 32))) >> 8n).toString()
  const program = new Uint8Array(readFileSync(artifact('wasm'))), zkey = new Uint8Array(readFileSync(artifact('zkey')))
  return async (/** @type {number} */ n) => {
    const message = BigInt(n), scope = 2n
    const { proof, publicSignals } = await groth16.fullProve({
      secret: id.secretScalar, merkleProofLength: path.siblings.length, merkleProofIndex: path.index, merkleProofSiblings: siblings,
      scope: hash(scope), message: hash(message),
    }, program, zkey)
    return JSON.stringify({
      merkleTreeDepth: DEPTH, merkleTreeRoot: publicSignals[0], nullifier: publicSignals[1],
      message: String(message), scope: String(scope), points: packGroth16Proof(proof).map(String),
    })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [secret, set, program] = process.argv.slice(2)
  const prove = program ? await ours(secret, set, program) : await theirs(secret, set)
  let n = 0
  for await (const _ of createInterface({ input: process.stdin })) {
    const begin = process.cpuUsage()
    const proof = await prove(n++)
    const { user, system } = process.cpuUsage(begin)
    console.log(`${((user + system) / 1000).toFixed(3)} ${proof}`)
  }
  process.exit(0)
}
