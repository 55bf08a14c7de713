// The wallet's storage: one IndexedDB, one object store, whole values by key.
//   vault            the wrapped secret (custody.js)
//   book/<id>        slots used, one record a site, action and period, encrypted (books.js)
//   history/<id>     what was proven where, one record an act, encrypted
//   life/<id>        what became of the place in an issuer's set, and all receipts, encrypted
//   set/<id>         what was read of an issuer's set, encrypted (reads.js)
//   issuer/<name>    what the engine remembers of an issuer, and the enrolment's receipt, encrypted
//   device           random bytes that set this device's slot order apart

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('perhuman-wallet', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('values')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
    request.onblocked = () => reject(new Error('another tab holds an older version of the wallet open'))
  })
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>} settled only after the transaction is durable
 */
async function within(mode, work) {
  const db = await open()
  try {
    return await new Promise((resolve, reject) => {
      const tx = db.transaction('values', mode, { durability: 'strict' })
      const request = work(tx.objectStore('values'))
      tx.oncomplete = () => resolve(request.result)
      tx.onabort = () => reject(tx.error ?? new Error('storage refused the write'))
    })
  } finally {
    db.close()
  }
}

/** @param {string} key @returns {Promise<any>} undefined if there is none */
export const get = (key) => within('readonly', (s) => s.get(key))
/** @param {string} key @param {unknown} value */
export const put = (key, value) => within('readwrite', (s) => s.put(value, key))
/** Several values in one transaction, and what they take the place of: all or nothing. @param {[string, unknown][]} values @param {string[]} [gone] */
export const putAll = (values, gone = []) => within('readwrite', (s) => {
  for (const key of gone) s.delete(key)
  return values.map(([key, value]) => s.put(value, key))[0]
})
/** @param {string[]} keys */
export const remove = (keys) => (keys.length ? within('readwrite', (s) => keys.map((key) => s.delete(key))[0]) : Promise.resolve())
/** Names that begin so. @param {string} prefix @returns {Promise<string[]>} */
export const names = (prefix) => within('readonly', (s) => s.getAllKeys(IDBKeyRange.bound(prefix, prefix + '\uffff'))).then((keys) => keys.map(String))
/** Everything this wallet ever stored. */
export const wipe = () => within('readwrite', (s) => s.clear())
/** Asks the browser not to clear this storage on its own. */
export const persist = () => navigator.storage?.persist?.() ?? Promise.resolve(false)
