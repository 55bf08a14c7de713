// As much of IndexedDB and Web Locks as the wallet's storage uses, in memory, for tests in Node.
const later = (/** @type {() => void} */ work) => setTimeout(work, 0)

/** @type {Map<string, Promise<unknown>>} */
const held = new Map()
const locks = {
  async request(/** @type {string} */ name, ...rest) {
    const work = rest.pop()
    if (rest[0]?.ifAvailable && held.has(name)) return work(null)
    const turn = Promise.resolve(held.get(name)).then(() => work({ name }))
    const over = turn.catch(() => {}).then(() => { if (held.get(name) === over) held.delete(name) })
    held.set(name, over)
    return turn
  },
}

/** A browser with nothing stored; what is written is copied, as there. @returns {Map<string, any>} what is stored */
export function storage() {
  /** @type {Map<string, any>} */
  const values = new Map()
  const store = {
    get: (key) => ({ result: structuredClone(values.get(key)) }),
    put: (value, key) => (values.set(key, structuredClone(value)), { result: key }),
    delete: (key) => (values.delete(key), {}),
    clear: () => (values.clear(), {}),
    getAllKeys: ({ from, to }) => ({ result: [...values.keys()].filter((k) => k >= from && k <= to).sort() }),
  }
  const transaction = () => {
    const tx = { objectStore: () => store, oncomplete: () => {} }
    later(() => tx.oncomplete())
    return tx
  }
  const open = () => {
    const request = { result: { transaction, close() {} }, onsuccess: () => {} }
    later(() => request.onsuccess())
    return request
  }
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true })
  Object.assign(globalThis, { indexedDB: { open }, IDBKeyRange: { bound: (from, to) => ({ from, to }) } })
  return values
}
