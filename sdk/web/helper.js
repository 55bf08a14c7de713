// A worker that helps worker.js to prove: an instance of wallet.wasm that holds
// some points of the proving key and multiplies them with the scalars that it
// is sent. The scalars are secret; they are overwritten when they have been
// used. It is started by helpers.js, uses no network, and keeps nothing.
//
// Messages in:  {module, loader} first: the compiled program, and where Go's loader is;
//               then {id, method: 'load' | 'sum', args}.
// Messages out: {ready: true}, {id, value} or {id, error: message}; all with memory, in bytes.

/**
 * @typedef {{
 *   postMessage(message: unknown, transfer?: Transferable[]): void,
 *   addEventListener(type: 'message', listener: (event: {data: any}) => void): void,
 *   Go: new () => {argv: string[], importObject: WebAssembly.Imports, run(instance: WebAssembly.Instance): Promise<void>},
 *   perhumanHelper?: Record<string, (...args: unknown[]) => Promise<unknown>>,
 * }} HelperScope
 */
const scope = /** @type {HelperScope} */ (/** @type {unknown} */ (globalThis))

/** @type {WebAssembly.Memory | undefined} */
let memory

/** @param {{module: WebAssembly.Module, loader: string}} o */
async function start({ module, loader }) {
  await import(loader)
  const { Go } = scope
  const go = new Go()
  go.argv = ['wallet', 'helper']
  const instance = await WebAssembly.instantiate(module, go.importObject)
  memory = /** @type {WebAssembly.Memory} */ (instance.exports.mem)
  void go.run(instance)
  if (!scope.perhumanHelper) throw new Error('the program did not start')
}

scope.addEventListener('message', async ({ data }) => {
  const { id, method, args = [] } = data
  const answer = (/** @type {object} */ what) => scope.postMessage({ id, memory: memory?.buffer.byteLength, ...what })
  try {
    if (data.module) {
      await start(data)
      answer({ ready: true })
      return
    }
    answer({ value: await /** @type {any} */ (scope.perhumanHelper)[method](...args) })
  } catch (e) {
    answer({ error: String(/** @type {any} */ (e)?.message ?? e) })
  } finally {
    for (const a of args) if (a instanceof Uint8Array) a.fill(0)
  }
})
