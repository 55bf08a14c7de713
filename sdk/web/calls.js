// Calls to a worker and its answers, as Promises. Every call has a timeout; one
// that passes it ends the worker, and every other call with it.

/** @typedef {import('./engine.js').Stage} Stage */

export class EngineError extends Error {
  /** @param {{code: string, message: string, state?: Uint8Array, evidence?: string}} e */
  constructor({ code, message, state, evidence }) {
    super(message)
    this.name = 'EngineError'
    /** One of the wallet's codes, or timeout, closed, worker_failed. */
    this.code = code
    /** After a failed sync: the state to keep all the same. */
    this.state = state
    /** With fork_detected: the two histories, as text that anyone can check. */
    this.evidence = evidence
  }
}

export class Calls {
  /** @type {Worker | undefined} */
  #worker
  /** @type {((stage: Stage) => void) | undefined} */
  #onstage
  /** @type {(() => void) | undefined} */
  #onend
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: EngineError) => void, timer: ReturnType<typeof setTimeout>}>} */
  #waiting = new Map()
  #next = 1

  /**
   * @param {Worker} worker
   * @param {((stage: Stage) => void) | undefined} onstage
   * @param {(() => void) | undefined} onend
   */
  constructor(worker, onstage, onend) {
    this.#worker = worker
    this.#onstage = onstage
    this.#onend = onend
    worker.addEventListener('message', (event) => this.#receive(event.data))
    worker.addEventListener('error', () => this.end('worker_failed', 'the worker could not be loaded or has failed'))
    worker.addEventListener('messageerror', () => this.end('worker_failed', 'a message could not be read'))
  }

  /**
   * @param {string} method
   * @param {unknown[]} args
   * @param {number} timeout
   * @returns {Promise<any>}
   */
  call(method, args, timeout) {
    return new Promise((resolve, reject) => {
      if (!this.#worker) {
        reject(new EngineError({ code: 'closed', message: 'the engine was closed' }))
        return
      }
      const id = this.#next++
      const timer = setTimeout(() => {
        this.#settle(id)?.reject(new EngineError({ code: 'timeout', message: `${method} took longer than ${timeout} ms` }))
        this.end('closed', 'the engine was closed after a timeout')
      }, timeout)
      this.#waiting.set(id, { resolve, reject, timer })
      try {
        this.#worker.postMessage({ id, method, args })
      } catch {
        this.#settle(id)?.reject(new EngineError({ code: 'request_invalid', message: 'the request cannot be passed to the worker' }))
      }
    })
  }

  /** @param {number} id */
  #settle(id) {
    const call = this.#waiting.get(id)
    if (call) {
      clearTimeout(call.timer)
      this.#waiting.delete(id)
    }
    return call
  }

  /** @param {any} message */
  #receive(message) {
    if (message.dead) this.end('worker_failed', 'the wallet program ended')
    else if (message.stage) this.#onstage?.({ stage: message.stage, done: message.done, total: message.total })
    else if (message.error) this.#settle(message.id)?.reject(new EngineError(message.error))
    else this.#settle(message.id)?.resolve(message.value)
  }

  /**
   * Ends the worker, and with it every call that waits.
   * @param {string} code
   * @param {string} message
   */
  end(code, message) {
    if (!this.#worker) return
    this.#worker.terminate()
    this.#worker = undefined
    this.#onend?.()
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(new EngineError({ code, message }))
  }
}
