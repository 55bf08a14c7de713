// A page that was never visited before makes one proof, with nothing at hand.
import { Engine } from '/perhuman/engine.js'

/** @param {{secret: number[], issuer: string, at: string}} o @param {import('../../engine.js').ProofRequest} request */
globalThis.first = async ({ secret, issuer, at }, request) => {
  const key = Uint8Array.from(secret), engine = await Engine.start()
  await engine.sync(key, { issuer, at, zkey: '/artifacts/semaphore-20.zkey' })
  return (await engine.prove(key, request)).response
}
