// The wallet's side of the messages between an app's page and a wallet, with a
// developer in the place of the person.

export {} // a module: names stay here

/** @param {string} id */
const el = (id) => /** @type {HTMLElement} */ (document.getElementById(id))

const markup = `<script type="module" src="/perhuman/perhuman.js"></script>\n<perhuman-check action="post" wallet="${location.origin}"></perhuman-check>`
el('markup').textContent = markup

const opener = /** @type {Window | null} */ (window.opener)
const { people } = await (await fetch('/dev/people')).json()

/** @type {{origin: string, data: any} | undefined} */
let asked
let spoilt = false

if (opener) {
  addEventListener('message', (event) => {
    if (event.source !== opener || event.data?.type !== 'perhuman-request') return
    if (asked === undefined) show(event)
    else if (event.origin !== asked.origin) opener.postMessage({ type: 'perhuman-error', code: 'origin_refused' }, event.origin)
  })
  opener.postMessage({ type: 'perhuman-ready' }, '*') // says nothing but that this window listens
}

/** @param {object} message */
const tell = (message) => opener?.postMessage(message, asked?.origin ?? location.origin)

/** @param {MessageEvent} event */
function show(event) {
  asked = { origin: event.origin, data: event.data }
  const { action, kind, len, k, content } = event.data
  el('site').textContent = event.origin
  el('action').textContent = String(action)
  el('policy').textContent = kind === 'per_epoch' ? `${k} in ${period(len)}` : kind === 'returning' ? 'returning visitor' : 'once, for ever'
  if (content?.text !== undefined) {
    el('content').textContent = String(content.text)
    el('content').hidden = el('content-name').hidden = false
  }
  el('idle').hidden = true
  el('asked').hidden = false
  for (const name of people) {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'wide'
    button.textContent = name
    button.addEventListener('click', () => answer(name))
    el('people').append(button)
  }
  /** @type {HTMLElement | null} */ (el('people').querySelector('button'))?.focus()
}

/** @param {number} seconds */
const period = (seconds) => seconds === 86400 ? 'a day' : seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds} s`

el('decline').addEventListener('click', () => {
  tell({ type: 'perhuman-error', code: 'cancelled' })
  window.close()
})
el('spoil').addEventListener('click', () => {
  spoilt = !spoilt
  el('spoil').setAttribute('aria-pressed', String(spoilt))
  el('spoil').textContent = spoilt ? 'The proof will be spoilt' : 'Spoil the proof'
})

/** @param {string} person */
async function answer(person) {
  if (asked === undefined) return
  const { action, kind, len, k, challenge, content_digest } = asked.data
  for (const button of el('people').querySelectorAll('button')) button.disabled = true
  el('status').textContent = `${person} proves …`
  tell({ type: 'perhuman-proving' })
  const res = await fetch('/dev/answer', {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ person, origin: asked.origin, action, kind, len, k, challenge, content_digest }),
  })
  const body = await res.json()
  if (!res.ok || body.code) {
    el('status').textContent = `${person}’s wallet refuses: ${body.code}${body.detail ? ` (${body.detail})` : ''}`
    tell({ type: 'perhuman-error', code: String(body.code) })
    return
  }
  tell({ type: 'perhuman-response', response: spoilt ? spoil(body.response) : body.response })
  window.close()
}

// Swaps two of the proof's points, so that it reads well and does not verify.
/** @param {string} response */
function spoil(response) {
  const [packed, challenge] = response.split('.')
  const bytes = Uint8Array.from(atob(packed.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
  const first = bytes.slice(129, 161), last = bytes.slice(225, 257)
  bytes.set(last, 129)
  bytes.set(first, 225)
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') + '.' + challenge
}
