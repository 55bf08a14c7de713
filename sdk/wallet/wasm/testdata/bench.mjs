// Times proofs in wasm under Node, on one, two and four workers: see node_test.go.
import { readdirSync, readFileSync } from 'node:fs'
import './browser.mjs'

const base = process.env.PERHUMAN_TEST_URL
const { Engine } = await import(process.env.PERHUMAN_TEST_ENGINE)
const post = async (path, body) => (await fetch(base + path, { method: 'POST', body: JSON.stringify(body) })).json()
const median = (list) => list.sort((x, y) => x - y)[list.length >> 1].toFixed(0)

const programs = { wasmURL: `${base}/dist/wallet.wasm`, checkURL: `${base}/dist/check.wasm` }
const key = await (async () => {
  const engine = await Engine.start(programs)
  const drawn = await engine.newKey()
  await post('/test/enrol', await engine.identity(drawn))
  engine.close()
  return drawn
})()
const world = await post('/test/world', {})

/** Processor time of each thread so far, in ms; Linux says. */
function threads() {
  try {
    return new Map(readdirSync('/proc/self/task').map((id) => [id, Number(readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6]))
  } catch {
    return new Map()
  }
}

// One, two and four workers in turns, each engine with its own workers. The
// busiest thread's time is what the wall clock shows where every worker has a
// core to itself; wall is what it shows here and now.
/** @type {{workers: number, engine: any, wall: number[], cpu: number[], busiest: number[]}[]} */
const all = []
for (const workers of /** @type {const} */ ([1, 2, 4])) {
  const engine = await Engine.start({ ...programs, workers })
  const from = performance.now()
  await engine.sync(key, { issuer: world.vkey, at: base, zkey: `${base}/semaphore-20.zkey` })
  console.log(`BENCH wasm_sync_w${workers}_wall_ms ${(performance.now() - from).toFixed(0)} ms`)
  all.push({ workers, engine, wall: [], cpu: [], busiest: [] })
}
for (let i = 0; i < 17; i++) {
  for (const { engine, wall, cpu, busiest } of all) {
    const c = await post('/test/challenge', { text: `timed ${i}` })
    const start = performance.now()
    const used = process.cpuUsage()
    const before = threads()
    await engine.prove(key, { origin: world.origin, action: 'post', kind: 'per_epoch', len: 86400, k: 100, challenge: c.challenge, content_digest: c.content_digest })
    const { user, system } = process.cpuUsage(used)
    if (i < 2) continue // warm-up: the engines compile
    wall.push(performance.now() - start)
    cpu.push((user + system) / 1000)
    busiest.push(Math.max(0, ...[...threads()].map(([id, ms]) => ms - (before.get(id) ?? 0))))
  }
}
for (const { workers, engine, wall, cpu, busiest } of all) {
  console.log(`BENCH wasm_prove20_w${workers}_wall_ms ${median(wall)} ms`)
  console.log(`BENCH wasm_prove20_w${workers}_cpu_ms ${median(cpu)} ms`)
  console.log(`BENCH wasm_prove20_w${workers}_busiest_ms ${median(busiest)} ms`)
  const bytes = await engine.memory()
  console.log(`BENCH wasm_memory_w${workers}_mb ${(bytes.reduce((a, b) => a + b) / 1e6).toFixed(1)} MB`)
  if (workers > 1) console.log(`BENCH wasm_memory_helper_w${workers}_mb ${(Math.max(...bytes.slice(1)) / 1e6).toFixed(1)} MB`)
}
const engine = all[0].engine

// A reader's click on a badge: start of the checker, keys unpacked, one check; then a second check.
const c = await post('/test/challenge', { text: 'checked' })
const a = await engine.prove(key, { origin: world.origin, action: 'post', kind: 'per_epoch', len: 86400, k: 5, challenge: c.challenge, content_digest: c.content_digest })
const { bundle } = await post('/test/accept', { response: a.response, text: 'checked', slot: a.slot })
for (const name of ['wasm_check_first_wall_ms', 'wasm_check_again_wall_ms']) {
  const start = performance.now()
  const report = await engine.checkPost(bundle, { issuer: world.vkey, rp_keys: [world.rp_key], max_k: 5 })
  if (!report.ok) throw new Error(JSON.stringify(report.reasons))
  console.log(`BENCH ${name} ${(performance.now() - start).toFixed(0)} ms`)
}
for (const { engine } of all) engine.close()
