// Web workers for Node: enough of class Worker for engine.js.
import { Worker as Thread } from 'node:worker_threads'

/** What the next worker finds damaged in its cache. */
export const fault = { poison: '' }

globalThis.Worker = class extends EventTarget {
  #thread
  constructor(url) {
    super()
    this.#thread = new Thread(new URL('./worker-shim.mjs', import.meta.url), { workerData: { url: String(url), poison: fault.poison } })
    this.#thread.on('message', (data) => this.dispatchEvent(Object.assign(new Event('message'), { data })))
    this.#thread.on('error', () => this.dispatchEvent(new Event('error')))
  }
  postMessage(message, transfer) {
    this.#thread.postMessage(message, transfer)
  }
  terminate() {
    void this.#thread.terminate()
  }
}
