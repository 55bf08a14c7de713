// Figures against the official JavaScript packages, as BENCH lines:
//
//   page_prove_vs_official     wall time from the click to the proof in Chromium, ours with two workers over theirs with
//                              the threads it takes by default: programs started, artifacts in memory, second proof on;
//                              median of the ratios of PAIRS rounds in which each way has its turn
//   page_prove_w1_vs_official, page_prove_w4_vs_official  the same with one and four workers of ours
//   page_proofs_per_min        with two workers, one proof after the other
//   page_weight_bytes, page_widget_gzip_bytes, page_first_proof_ms  see pages.mjs
//   page_prove_w1_ms and so on wall times, page_threads what the machine has: more workers than that gain nothing
//   prove20_vs_snarkjs      processor time of a proof at depth 20, Go over Node, key in memory, alternated
//   wasm_prove20_vs_snarkjs processor time of a proof at depth 20 in Node, js/wasm over snarkjs on one thread (see wasm.mjs)
//   tree_vs_zkkit_20k       processor time of a set of 20,000 members, Node over Go, alternated (see tree.mjs)
//
// Everything that is proven is also handed to a verifier. Progress goes to
// standard error. PAIRS=n changes the number of pairs.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Identity } from '@semaphore-protocol/identity'
import { fromBase64url } from '../bytes.js'
import { launch, skip } from '../test/support/chromium.mjs'
import { start } from '../test/support/demo.mjs'
import { forEver, message, nothing, scope } from '../test/support/encodings.mjs'
import { call } from '../test/support/local.mjs'
import { close, crowdSecret, importGroup, verifies } from '../test/support/official.mjs'
import { unpack } from '../test/support/packed.mjs'
import { firstProof, weights } from './pages.mjs'
import { processorTime } from './processor.mjs'
import './size.mjs'
import { site } from './site.mjs'
import { treeTime } from './tree.mjs'
import { wasmTime } from './wasm.mjs'

const PAIRS = Number(process.env.PAIRS ?? 15)
const MEMBER = 123
const median = (/** @type {number[]} */ all) => [...all].sort((a, b) => a - b)[all.length >> 1]

/** @param {Awaited<ReturnType<typeof start>>} demo @param {Awaited<ReturnType<typeof importGroup>>} group */
async function page(demo, group) {
  const key = readFileSync(join(demo.dir, 'app.key'), 'utf8').trim()
  const headers = { Authorization: `Bearer ${key}`, Origin: demo.board }
  const { rp, issuer } = (await call(`${demo.board}/api/session`)).json
  const secret = crowdSecret(MEMBER)
  const { secretScalar, commitment } = new Identity(secret)
  await weights(demo)
  await firstProof({ secret: [...secret], issuer: issuer.vkey, at: issuer.at }, async () => {
    const asked = await call(`${demo.board}/v1/challenges`, { headers, body: { action: 'sign-in' } })
    assert.equal(asked.status, 200, asked.text)
    return { origin: demo.board, action: 'sign-in', kind: 'returning', challenge: asked.json.challenge }
  })
  const where = await site(new URL(issuer.at).origin)
  const context = await launch()
  try {
    const tab = await context.newPage()
    tab.on('console', (m) => console.error(`page: ${m.text()}`))
    tab.on('pageerror', (e) => console.error(`page: ${e.message}`))
    await tab.goto(where.origin)
    await tab.waitForFunction(() => globalThis.bench)
    const set = await tab.evaluate((o) => globalThis.bench.prepare(o), { secret: [...secret], issuer: issuer.vkey, at: issuer.at })
    assert.deepEqual(set, { member: true, live: group.size })

    /** @typedef {'w1' | 'w2' | 'w4' | 'official'} Way */
    /** @param {Way} who */
    const one = async (who) => {
      const asked = await call(`${demo.board}/v1/challenges`, { headers, body: { action: 'sign-in' } })
      assert.equal(asked.status, 200, asked.text)
      const { challenge } = asked.json
      const m = await message(nothing, fromBase64url(challenge)), s = await scope(rp, 'sign-in', forEver, 0)
      const path = group.generateMerkleProof(group.indexOf(commitment))
      await tab.evaluate(([ours, theirs]) => globalThis.bench.set(ours, theirs), [
        { origin: demo.board, action: 'sign-in', kind: 'returning', challenge },
        { secretScalar, path, message: m, scope: s },
      ])
      await tab.click('#' + who)
      const { proof, ms } = await tab.evaluate(() => globalThis.bench.result())
      const [packed, token] = who === 'official' ? [proof, challenge] : proof.split('.')
      if (who !== 'official') assert.ok(await verifies(unpack(fromBase64url(packed))))
      const { json } = await call(`${demo.board}/v1/verify`, { headers, body: { action: 'sign-in', proof: packed, challenge: token } })
      assert.equal(json.code, 'ok', JSON.stringify(json))
      return ms
    }
    const ways = /** @type {Way[]} */ (['w1', 'official', 'w2', 'w4'])
    for (const who of ways) console.error(`first proof, ${who}: ${(await one(who)).toFixed(0)} ms`)
    /** @type {Record<Way, number[]>} */
    const ms = { w1: [], w2: [], w4: [], official: [] }
    for (let n = 0; n < PAIRS; n++) {
      for (let i = 0; i < ways.length; i++) {
        const who = ways[(i + n) % ways.length]
        ms[who].push(await one(who))
      }
      console.error(`round ${n + 1}: ${ways.map((who) => `${who} ${ms[who][n].toFixed(0)} ms`).join(', ')}`)
    }
    console.log(`BENCH page_threads ${await tab.evaluate(() => globalThis.bench.threads())} threads`)
    for (const who of /** @type {const} */ (['w1', 'w2', 'w4'])) {
      console.log(`BENCH page_prove_${who}_ms ${median(ms[who]).toFixed(0)} ms`)
      const bytes = await tab.evaluate((w) => globalThis.bench.memory(w), who)
      console.log(`BENCH page_memory_${who}_mb ${(bytes.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b) / 1e6).toFixed(1)} MB`)
    }
    console.log(`BENCH page_proofs_per_min ${(60_000 / median(ms.w2)).toFixed(0)} 1/min`)
    console.log(`BENCH page_prove_official_wall_ms ${median(ms.official).toFixed(0)} ms`)
    for (const [name, who] of /** @type {const} */ ([['page_prove_vs_official', 'w2'], ['page_prove_w1_vs_official', 'w1'], ['page_prove_w4_vs_official', 'w4']])) {
      console.log(`BENCH ${name} ${median(ms[who].map((v, i) => v / ms.official[i])).toFixed(3)} ratio`)
    }
  } finally {
    await context.close()
    where.close()
  }
}

await treeTime()
const demo = await start()
try {
  await demo.crowd()
  const exported = (await call(`${demo.issuer}/demo/export`)).text
  const group = importGroup(exported)
  const why = skip()
  if (why) console.error(`SKIP page_prove_vs_official: ${why}`)
  else await page(demo, group)
  await processorTime(exported, crowdSecret(MEMBER), PAIRS)
  await wasmTime(exported, crowdSecret(MEMBER))
} finally {
  await close()
  await demo.stop()
}
