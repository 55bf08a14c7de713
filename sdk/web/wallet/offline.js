// The page's side of the service worker (sw.js): registers it, holds back a new
// version while somebody is in the middle of something, and starts the page
// again under a new one.

const busy = 'perhuman-busy'

/** Registers the worker; without one the wallet works as long as there is a network. @returns {Promise<void>} */
export async function install() {
  if (!('serviceWorker' in navigator)) return
  const { serviceWorker } = navigator
  let first = !serviceWorker.controller
  serviceWorker.addEventListener('controllerchange', () => {
    // Takes over only while nobody is busy; the very first one serves what this page is made of, and none is no other.
    if (!first && serviceWorker.controller) location.reload()
    first = false
  })
  try {
    const registration = await serviceWorker.register('/sw.js', { updateViaCache: 'none' })
    offer(registration)
  } catch {
    // Private windows and some settings allow none.
  }
}

/** Asks a version that waits to look again whether it may take over. @param {ServiceWorkerRegistration} [registration] */
export async function offer(registration) {
  const waiting = (registration ?? await navigator.serviceWorker?.getRegistration())?.waiting
  waiting?.postMessage({ type: 'perhuman-take-over' })
}

/**
 * Holds back new versions from now on.
 * @returns {() => Promise<void>} lets them in again
 */
export function hold() {
  /** @type {PromiseWithResolvers<void>} */
  const { promise, resolve } = Promise.withResolvers()
  const held = navigator.locks?.request(busy, { mode: 'shared' }, () => promise).catch(() => {})
  return async () => {
    resolve()
    await held
    setTimeout(() => offer().catch(() => {}), 100) // when everybody has heard that the lock is gone
  }
}
