// What the board's pages share: reading and sending JSON, what they say while
// nobody answers, and how a time is written.

import { byId, fill } from '/perhuman/dom.js'

/** A time of day with its date. @param {number} unix seconds */
export const when = (unix) => new Date(unix * 1000).toLocaleString(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' })

/** Says so while the board does not answer; the next answer takes it back. @param {boolean} silent */
function heard(silent) {
  const note = byId('silent')
  if (silent === note.hasChildNodes()) return // said already: not once more to those who listen
  note.className = silent ? 'silent note warn' : 'silent'
  fill(note, silent ? 'The board does not answer. What you see may be old; this page tries again by itself.' : null)
}

/** @template T @param {string} path @returns {Promise<T>} */
export async function read(path) {
  let answer
  try {
    answer = await fetch(path)
  } catch (err) {
    heard(true)
    throw err
  }
  heard(answer.status >= 500)
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer.json()
}

/** Reads what a page cannot begin without, however long that takes. @template T @param {string} path @returns {Promise<T>} */
export async function begin(path) {
  for (;;) {
    try {
      return await read(path)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1500))
    }
  }
}

/** Does something again and again while the page is looked at: sooner after it failed. @param {number} seconds @param {() => Promise<unknown>} what */
export function every(seconds, what) {
  const run = async () => {
    const fine = document.hidden || await what().then(() => true, () => false)
    setTimeout(run, fine ? seconds * 1000 : 1500)
  }
  setTimeout(run, seconds * 1000)
}

/** What this browser keeps under a name; nothing if that cannot be read. @template T @param {string} name @param {T} nothing @returns {T} */
export function kept(name, nothing) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? '') ?? nothing
  } catch {
    return nothing
  }
}

/** Keeps something in this browser. @param {string} name @param {unknown} what @returns {boolean} whether it is kept */
export function keep(name, what) {
  try {
    localStorage.setItem(name, JSON.stringify(what))
    return true
  } catch {
    return false // no storage, or no room: what matters has to be said
  }
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
