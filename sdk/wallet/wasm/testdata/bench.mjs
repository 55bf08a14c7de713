// Times proofs in wasm under Node, one thread: see node_test.go.
import './browser.mjs'

const base = process.env.PERHUMAN_TEST_URL
const { Engine } = await import(process.env.PERHUMAN_TEST_ENGINE)
const post = async (path, body) => (await fetch(base + path, { method: 'POST', body: JSON.stringify(body) })).json()
const median = (list) => list.sort((x, y) => x - y)[list.length >> 1].toFixed(0)

const engine = await Engine.start({ wasmURL: `${base}/dist/wallet.wasm`, checkURL: `${base}/dist/check.wasm` })
const key = await engine.newKey()
const world = await post('/test/world', {})
await post('/test/enrol', await engine.identity(key))
const from = performance.now()
await engine.sync(key, { issuer: world.vkey, at: base, zkey: `${base}/semaphore-20.zkey` })
console.log(`BENCH wasm_sync_wall_ms ${(performance.now() - from).toFixed(0)} ms`)
const wall = []
const cpu = []
for (let i = 0; i < 6; i++) {
  const c = await post('/test/challenge', { text: `timed ${i}` })
  const start = performance.now()
  const used = process.cpuUsage()
  await engine.prove(key, { origin: world.origin, action: 'post', kind: 'once', challenge: c.challenge, content_digest: c.content_digest })
  const { user, system } = process.cpuUsage(used)
  if (i === 0) continue // warm-up: the engine compiles
  wall.push(performance.now() - start)
  cpu.push((user + system) / 1000)
}
console.log(`BENCH wasm_prove20_wall_ms ${median(wall)} ms`)
console.log(`BENCH wasm_prove20_cpu_ms ${median(cpu)} ms`)

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
engine.close()
