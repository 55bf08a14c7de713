// Five steps for a first visit. A strip at the foot of the window: it has a place
// of its own at the end of the page, so whatever it lies over can be scrolled
// clear of it. It is left with Escape and does not come back unless asked for.

import { h } from '/perhuman/dom.js'

const store = 'agora-tour'
const steps = [
  { path: '/', mark: '#become', title: 'Become verified', text: 'Your wallet makes a secret in this browser. An issuer checks once that you are new. Pick a made-up person: no camera is needed.' },
  { path: '/', mark: '#compose', title: 'Say something', text: 'Your wallet shows who asks and what they learn. It proves that you are one of the people in the set, and not which.' },
  { path: '/', mark: '#posts', title: 'Check a post yourself', text: 'Press “verified human” on a post. Your own browser verifies it. Then tamper with the text and look again.' },
  { path: '/poll', mark: '#recount', title: 'Count a poll again', text: 'Every ballot is public, and nobody’s. Count them, or tell a lie about one first.' },
  { path: '/bot', mark: '#swarm', title: 'Try to be a bot', text: 'Send a swarm of attacks at this board and see which check stops which, and at what cost.' },
]

/** @param {number | null} at null: over */
function remember(at) {
  try {
    localStorage.setItem(store, at === null ? 'over' : String(at))
  } catch {} // nothing is kept: the tour stays on its page
}
/** Where the reader is; over where nothing can be kept, or it would come back at each visit. */
function where() {
  try {
    return localStorage.getItem(store)
  } catch {
    return 'over'
  }
}

/** @type {HTMLElement | undefined} */
let card
function leave() {
  remember(null)
  document.querySelector('.tour-mark')?.classList.remove('tour-mark')
  const inside = card?.contains(document.activeElement)
  card?.remove()
  card = undefined
  grown.disconnect()
  if (inside) document.getElementById('tour-start')?.focus()
}

/** @param {Element} target @param {ScrollBehavior} behavior */
function bring(target, behavior) {
  const tall = target.getBoundingClientRect().height > innerHeight / 3 // its beginning is what matters
  target.scrollIntoView({ block: tall ? 'start' : 'center', behavior })
}

// A page that still fills in pushes away what the card speaks of. A reader who has scrolled is left alone.
let height = 0
const grown = new ResizeObserver(([main]) => {
  const target = document.querySelector('.tour-mark'), now = main.contentRect.height
  if (height && now !== height && target) bring(target, 'auto')
  height = now
})
for (const moved of ['wheel', 'touchmove', 'pointerdown', 'keydown']) addEventListener(moved, () => grown.disconnect(), { passive: true })

/** @param {number} at @param {boolean} [asked] by the reader, who is taken there */
function show(at, asked) {
  const step = steps[at]
  remember(at)
  if (step.path !== location.pathname) {
    location.href = step.path
    return
  }
  document.querySelector('.tour-mark')?.classList.remove('tour-mark')
  card?.remove()
  const target = document.querySelector(step.mark)
  target?.classList.add('tour-mark')
  const last = at === steps.length - 1
  const next = h('button', { type: 'button', class: 'primary', onclick: () => (last ? leave() : show(at + 1, true)) }, last ? 'Done' : 'Next')
  card = h('section', { class: 'tour', 'aria-labelledby': 'tour-title', 'data-step': at + 1 }, h('div', null,
    h('div', null, h('p', { class: 'small muted' }, `A tour, step ${at + 1} of ${steps.length}`),
      h('h2', { id: 'tour-title' }, step.title), h('p', { class: 'small' }, step.text)),
    h('div', { class: 'row' },
      h('button', { type: 'button', class: 'quiet', onclick: leave }, 'Leave the tour'),
      at > 0 ? h('button', { type: 'button', onclick: () => show(at - 1, true) }, 'Back') : null, next)))
  document.querySelector('main')?.after(card)
  grown.disconnect()
  if (target && asked) bring(target, matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth')
  if (!asked) return
  grown.observe(/** @type {Element} */ (document.querySelector('main')))
  next.focus({ preventScroll: true })
}

addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && card && !document.querySelector('dialog[open]')) leave()
})
document.querySelector('.foot')?.append(' ', h('button', { type: 'button', class: 'quiet small', id: 'tour-start', onclick: () => show(0, true) }, 'Take the tour'))
const kept = where()
const at = kept === null ? 0 : Number(kept)
if (kept !== 'over' && steps[at] && (steps[at].path === location.pathname || kept === null && location.pathname === '/')) show(at, kept !== null && kept !== '0')
