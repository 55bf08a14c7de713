// The official Semaphore packages as a peer, with the official artifacts of
// depth 20 from node_modules: nothing is fetched.
import { Group } from '@semaphore-protocol/group'
import { Identity } from '@semaphore-protocol/identity'
import { generateProof, verifyProof } from '@semaphore-protocol/proof'
import { fileURLToPath } from 'node:url'

/** @typedef {import('./packed.mjs').Proof} Proof */

export const DEPTH = 20
export const artifact = (/** @type {'wasm' | 'zkey' | 'json'} */ kind) =>
  fileURLToPath(new URL(`../../node_modules/@zk-kit/semaphore-artifacts/semaphore-${DEPTH}.${kind}`, import.meta.url))

/**
 * @param {Uint8Array} secret
 * @param {Group} group
 * @param {bigint} message
 * @param {bigint} scope
 * @returns {Promise<Proof>}
 */
export function prove(secret, group, message, scope) {
  return generateProof(new Identity(secret), group, message, scope, DEPTH, { wasm: artifact('wasm'), zkey: artifact('zkey') })
}

/** The official verdict; what makes it throw, it does not accept. @param {unknown} proof @returns {Promise<boolean>} */
export async function verifies(proof) {
  try {
    return await verifyProof(/** @type {any} */ (proof))
  } catch {
    return false
  }
}

/** @param {string} exported */
export const importGroup = (exported) => Group.import(exported)

/** Ends snarkjs's worker threads, which would keep the process alive. */
export async function close() {
  await globalThis.curve_bn128?.terminate()
}

/** A demo's crowd member has a secret that everybody knows. @param {number} n */
export function crowdSecret(n) {
  const secret = Buffer.alloc(32)
  secret.write('perhuman demo crowd member')
  secret.writeUInt32BE(n, 28)
  return new Uint8Array(secret)
}
