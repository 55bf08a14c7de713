// Starts the workers that help to prove (helper.js), and passes them work.
// They are workers of worker.js: whoever ends it, ends them.
//
// A helper that fails is ended, and its calls reject; the wallet program then
// does their work itself. So nothing here has to succeed.

/** How long a helper may take to start. */
const START_TIMEOUT = 20_000

/**
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting
 * @typedef {{worker: Worker | undefined, calls: Map<number, Waiting>, memory: number}} Helper
 */

export class Helpers {
  /** @type {Helper[]} */
  #all = []
  /** Which helper holds a section. @type {Map<number, Helper>} */
  #holder = new Map()
  #next = 1

  /** How many there are. Load and sum take numbers below it. */
  get number() { return this.#all.length }

  /**
   * Starts helpers; if one does not start, none is kept.
   * @param {number} number
   * @param {{module: WebAssembly.Module, loader: string}} program
   */
  static async start(number, program) {
    const pool = new Helpers()
    if (number < 1 || typeof Worker === 'undefined') return pool
    try {
      await Promise.all(Array.from({ length: number }, () => pool.#add(program)))
    } catch {
      for (const helper of pool.#all) pool.#end(helper, 'a helper did not start')
      pool.#all = []
    }
    return pool
  }

  /** @param {{module: WebAssembly.Module, loader: string}} program */
  #add(program) {
    const worker = new Worker(new URL('./helper.js', import.meta.url), { type: 'module', name: 'perhuman-helper' })
    /** @type {Helper} */
    const helper = { worker, calls: new Map(), memory: 0 }
    this.#all.push(helper)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('timeout')), START_TIMEOUT)
      const fail = (/** @type {string} */ why) => {
        clearTimeout(timer)
        reject(new Error(why))
        this.#end(helper, why)
      }
      worker.addEventListener('message', ({ data }) => {
        if (data.memory) helper.memory = data.memory
        if (data.ready) {
          clearTimeout(timer)
          resolve(undefined)
          return
        }
        const waiting = helper.calls.get(data.id)
        if (!waiting) {
          if (data.error) fail(data.error)
          return
        }
        helper.calls.delete(data.id)
        if (data.error) waiting.reject(new Error(data.error))
        else waiting.resolve(data.value)
      })
      worker.addEventListener('error', () => fail('a helper could not be loaded or has failed'))
      worker.addEventListener('messageerror', () => fail('a message could not be read'))
      worker.postMessage(program)
    })
  }

  /** @param {Helper} helper @param {string} why */
  #end(helper, why) {
    helper.worker?.terminate()
    helper.worker = undefined
    helper.memory = 0
    for (const waiting of helper.calls.values()) waiting.reject(new Error(why))
    helper.calls.clear()
  }

  /**
   * @param {Helper | undefined} helper
   * @param {string} method
   * @param {unknown[]} args
   * @param {Uint8Array} bytes  handed over, not copied
   * @returns {Promise<any>}
   */
  #call(helper, method, args, bytes) {
    const answer = new Promise((resolve, reject) => {
      if (!helper?.worker) {
        bytes.fill(0)
        reject(new Error('the helper has ended'))
        return
      }
      const id = this.#next++
      helper.calls.set(id, { resolve, reject })
      helper.worker.postMessage({ id, method, args: [...args, bytes] }, [bytes.buffer])
    })
    answer.catch(() => {}) // whoever waits hears of it; the program may wait later, or not at all
    return answer
  }

  /** @param {number} helper @param {number} section @param {boolean} g2 @param {Uint8Array} points */
  load(helper, section, g2, points) {
    const holder = this.#all[helper]
    if (holder) this.#holder.set(section, holder)
    return this.#call(holder, 'load', [section, g2], points)
  }

  /** @param {number} section @param {Uint8Array} scalars */
  sum(section, scalars) {
    return this.#call(this.#holder.get(section), 'sum', [section], scalars)
  }

  /** Ends the helper of a section, which has not answered. @param {number} section */
  drop(section) {
    const helper = this.#holder.get(section)
    if (helper) this.#end(helper, 'the helper did not answer')
  }

  /** Bytes of WebAssembly memory of each helper that lives. */
  memory() {
    return this.#all.filter((h) => h.worker).map((h) => h.memory)
  }
}
