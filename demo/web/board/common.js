// What the board's pages share: reading and sending JSON, and how a time is written.

/** A time of day with its date. @param {number} unix seconds */
export const when = (unix) => new Date(unix * 1000).toLocaleString(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' })

/** @template T @param {string} path @returns {Promise<T>} */
export async function read(path) {
  const answer = await fetch(path)
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer.json()
}

/**
 * Sends JSON; an answer always has a status and a code.
 * @param {string} path @param {unknown} body @param {string} [response] of the wallet
 * @returns {Promise<any>}
 */
export async function send(path, body, response) {
  /** @type {Record<string, string>} */
  const headers = { 'Content-Type': 'application/json' }
  if (response) headers['Perhuman-Response'] = response
  try {
    const answer = await fetch(path, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
    return { code: 'internal_error', ...await answer.json().catch(() => ({})), status: answer.status }
  } catch {
    return { code: 'network', status: 0 }
  }
}
