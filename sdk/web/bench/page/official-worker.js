// The official prover in a worker. Its artifacts are held in memory, and the
// identity and the Merkle proof come ready-made: only proving is counted.
import { generateProof } from '@semaphore-protocol/proof'

const DEPTH = 20
let artifacts

const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer())

addEventListener('message', async ({ data }) => {
  try {
    if (data.artifacts) {
      artifacts = { wasm: await bytes(data.artifacts.wasm), zkey: await bytes(data.artifacts.zkey) }
      postMessage({ ready: true })
      return
    }
    const { secretScalar, path, message, scope } = data
    postMessage({ proof: await generateProof({ secretScalar }, path, message, scope, DEPTH, artifacts) })
  } catch (e) {
    postMessage({ error: String(e?.stack ?? e) })
  }
})
