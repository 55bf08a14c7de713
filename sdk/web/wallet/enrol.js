// Enrolment and recovery, seen from the wallet: the issuer's page runs in a window of its
// own and learns a public key and a signature, never the secret.

import { recovered } from './life.js'
import { language } from './texts.js'

/** @param {string} code */
const failure = (code) => Object.assign(new Error(code), { code })

/**
 * Call it from a click. Resolves when the issuer has taken the enrolment in, or has announced the recovery.
 * @param {import('./holder.js').Holder} holder @param {import('./holder.js').Issuer} issuer
 * @param {(step: 'opened' | 'possession' | 'enrolled') => void} onstep
 * @param {'enrol' | 'recover'} [purpose]
 * @returns {Promise<void>}
 */
export async function enrol(holder, issuer, onstep, purpose = 'enrol') {
  const origin = new URL(issuer.at).origin
  const popup = window.open(`${issuer.at}/enrol?lang=${language}`, 'perhuman-issuer', 'popup,width=640,height=900')
  if (!popup) throw failure('popup_blocked')
  const stop = new AbortController()
  // It may take longer than the window: which says once that it is there, so it is heard from the start.
  const identity = holder.identity()
  try {
    await new Promise((resolve, reject) => {
      identity.catch(reject)
      addEventListener('message', async (event) => {
        if (event.source !== popup || event.origin !== origin) return
        const message = event.data
        const tell = (/** @type {object} */ answer) => popup.postMessage(answer, origin)
        try {
          switch (message?.type) {
            case 'perhuman-issuer-ready': {
              const { commitment, public_key } = await identity
              tell({ type: 'perhuman-enrol', commitment, public_key, purpose })
              onstep('opened')
              break
            }
            case 'perhuman-possess': {
              // The signature names the issuer: one page cannot collect it for another.
              if (message.issuer !== issuer.name || typeof message.nonce !== 'string') throw failure('request_invalid')
              const { signature, salt } = await holder.possess(issuer, message.nonce, purpose)
              tell({ type: 'perhuman-possession', signature, salt, public_key: (await identity).public_key })
              onstep('possession')
              break
            }
            case 'perhuman-enrolled':
              if (purpose === 'recover') await recovered(holder, issuer, { ...message.recovery })
              else await holder.enrolled(issuer, String(message.id), String(message.receipt))
              onstep('enrolled')
              resolve(undefined)
              break
            case 'perhuman-enrol-error':
              reject(failure(String(message.code)))
          }
        } catch (err) {
          reject(err)
        }
      }, { signal: stop.signal })
      const watch = setInterval(() => { if (popup.closed) reject(failure('cancelled')) }, 400)
      stop.signal.addEventListener('abort', () => clearInterval(watch))
    })
  } finally {
    stop.abort()
  }
}

/**
 * Reads the set until the identity is in it: the issuer anchors in steps.
 * @param {import('./holder.js').Holder} holder @param {import('./holder.js').Issuer} issuer @param {number} patience milliseconds
 */
export async function untilMember(holder, issuer, patience) {
  const end = Date.now() + patience
  for (let wait = 1000; ; wait = Math.min(wait * 1.5, 8000)) {
    await holder.sync(issuer)
    if (holder.locked || holder.memberships.get(issuer.vkey)?.member) return
    if (Date.now() > end) throw failure('not_member')
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
}
