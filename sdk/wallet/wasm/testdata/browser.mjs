// Web workers for Node: enough of class Worker for engine.js.
import { Worker as Thread } from 'node:worker_threads'

/** What the next worker finds damaged in its cache, and how its helpers fail. */
export const fault = { poison: '', mute: false, die: false }

globalThis.Worker = class extends EventTarget {
  #thread
  constructor(url) {
    super()
    this.#thread = new Thread(new URL('./worker-shim.mjs', import.meta.url), { workerData: { url: String(url), ...fault } })
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
