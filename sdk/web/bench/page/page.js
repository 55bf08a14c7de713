// The page that is measured: a button for each way to prove. What a click does
// is what a wallet does after the consent click; all that can be there before
// it, is: programs run, keys and artifacts are in memory, the set is known. The
// official prover has the threads that it takes for itself.
import { Engine } from '/perhuman/engine.js'

const official = new Worker('official-worker.js', { type: 'module' })
const answerOf = (message) => new Promise((resolve, reject) => {
  official.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data))
  official.onerror = (e) => reject(new Error(e.message || 'the official worker could not be loaded'))
  official.postMessage(message)
})

const engines = {}
let key, request, witness, result
const ours = (name) => async () => (await engines[name].prove(key, request)).response
const ways = {
  w1: ours('w1'),
  w2: ours('w2'),
  w4: ours('w4'),
  official: async () => (await answerOf(witness)).proof,
}
for (const [id, prove] of Object.entries(ways)) {
  document.getElementById(id).addEventListener('click', (event) => {
    result = prove().then((proof) => ({ proof, ms: performance.now() - event.timeStamp }))
  })
}

globalThis.bench = {
  /** @param {{secret: number[], issuer: string, at: string}} o */
  async prepare(o) {
    key = Uint8Array.from(o.secret)
    await answerOf({ artifacts: { wasm: '/artifacts/semaphore-20.wasm', zkey: '/artifacts/semaphore-20.zkey' } })
    let known
    for (const workers of [1, 2, 4]) {
      const engine = await Engine.start({ workers })
      engines[`w${workers}`] = engine
      const { member, live } = await engine.sync(key, { issuer: o.issuer, at: o.at, zkey: '/artifacts/semaphore-20.zkey' })
      known = { member, live }
    }
    return known
  },
  set: (ours, theirs) => {
    request = ours
    witness = theirs
  },
  result: () => result,
  /** Bytes of each program: the worker's own and its helpers'. */
  memory: (way) => engines[way].memory(),
  threads: () => navigator.hardwareConcurrency,
}
