// The page that is measured: two buttons, two workers. What a click does is
// what a wallet does after the consent click; all that can be there before it,
// is: programs run, keys and artifacts are in memory, the set is known.
import { Engine } from '/perhuman/engine.js'

const official = new Worker('official-worker.js', { type: 'module' })
const answerOf = (message) => new Promise((resolve, reject) => {
  official.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data))
  official.onerror = (e) => reject(new Error(e.message || 'the official worker could not be loaded'))
  official.postMessage(message)
})

let engine, key, request, witness, result
const ways = {
  ours: async () => (await engine.prove(key, request)).response,
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
    engine = await Engine.start()
    key = Uint8Array.from(o.secret)
    await answerOf({ artifacts: { wasm: '/artifacts/semaphore-20.wasm', zkey: '/artifacts/semaphore-20.zkey' } })
    const { member, live } = await engine.sync(key, { issuer: o.issuer, at: o.at, zkey: '/artifacts/semaphore-20.zkey' })
    return { member, live }
  },
  set: (ours, theirs) => {
    request = ours
    witness = theirs
  },
  result: () => result,
}
