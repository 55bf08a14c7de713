// All of a page is of one version. Between a page's document and its last module
// a new version of the service worker may have taken over, and then the page is
// made of two. Versions only follow one another, so document and worker being of
// the same one when the modules are there means that nothing between them is of
// another. If they are not, the page starts again before it has done anything.
//
// Imported first, and for what it does: nothing of the page runs before it.

const key = 'perhuman-again'

/**
 * @typedef {{
 *   version: string, controller?: {postMessage(m: unknown, to: Transferable[]): void} | null,
 *   again: () => void, tried: {getItem(k: string): string | null, setItem(k: string, v: string): void}, patience?: number,
 * }} Page
 */

/** The version of the worker that answers for the page; '' if it does not say. @param {NonNullable<Page['controller']>} controller @param {number} patience */
function versionOf(controller, patience) {
  return new Promise((/** @type {(v: string) => void} */ resolve) => {
    const { port1, port2 } = new MessageChannel()
    const late = setTimeout(() => resolve(''), patience)
    port1.onmessage = ({ data }) => {
      clearTimeout(late)
      port1.close()
      resolve(typeof data === 'string' ? data : '')
    }
    controller.postMessage({ type: 'perhuman-version' }, [port2])
  })
}

/**
 * Whether the page may go on: true when document and worker are of one version,
 * or there is no worker, or it does not say. Else the page is started again, but
 * never twice for the same two versions.
 * @param {Page} page
 */
export async function same({ version, controller, again, tried, patience = 2000 }) {
  if (!controller || !version) return true
  const now = await versionOf(controller, patience)
  const both = `${version} ${now}`
  if (!now || now === version || tried.getItem(key) === both) return true
  tried.setItem(key, both)
  again()
  return false
}

/** Lets new versions in again that were held back while the page was loading. */
export let loaded = () => {}

if (globalThis.document) { // not in a test
  // From here on no version takes over: before it is asked which one it is.
  await new Promise((/** @type {(v?: unknown) => void} */ held) => {
    if (!navigator.locks) return held()
    navigator.locks.request('perhuman-busy', { mode: 'shared' }, () => {
      held()
      return new Promise((/** @type {(v?: unknown) => void} */ resolve) => { loaded = () => resolve() })
    }).catch(held)
  })
  const go = await same({
    version: document.documentElement.dataset.version ?? '', controller: navigator.serviceWorker?.controller,
    again: () => location.reload(), tried: sessionStorage,
  })
  if (!go) await new Promise(() => {}) // until it starts again
}
