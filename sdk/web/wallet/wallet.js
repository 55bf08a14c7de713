// The wallet's page: which view is shown when.

import { loaded } from './same.js'
import { byId, fill, h } from '../dom.js'
import { Holder } from './holder.js'
import { home } from './home.js'
import { lostBefore, watchLoss } from './lost.js'
import { hold, install } from './offline.js'
import { questionFor } from './phone.js'
import { Refresher } from './refresh.js'
import { dialog } from './request.js'
import { bring, locked, passage, welcome } from './setup.js'
import { choose, language, languages, sentence, t } from './texts.js'

const main = byId('main')

// A hand-over's link holds a key: out of the address before anything else is done.
const phone = new URLSearchParams(location.search).has('phone') ? location.hash : ''
if (phone) history.replaceState(null, '', '/')

/** What stands in the page itself, in the person's language. */
function furnish() {
  document.documentElement.lang = language
  document.title = t('wallet')
  byId('name').textContent = t('wallet')
  byId('lock').textContent = t('lock')
  const select = /** @type {HTMLSelectElement} */ (byId('language'))
  select.setAttribute('aria-label', t('language'))
  fill(select, Object.entries(languages).map(([tag, name]) => h('option', { value: tag, lang: tag, selected: tag === language }, name)))
  select.addEventListener('change', () => {
    choose(select.value)
    location.reload()
  })
}

/** @param {Holder} holder */
function readInBackground(holder) {
  const refresher = new Refresher((vkey) => {
    const issuer = holder.issuers.find((i) => i.vkey === vkey)
    return issuer ? holder.refresh(issuer) : Promise.resolve()
  })
  holder.addEventListener('change', () => {
    if (!holder.vault) refresher.stop()
    else if (!holder.locked) refresher.start(holder.issuers.map((i) => i.vkey))
  })
  navigator.serviceWorker?.addEventListener('message', ({ data }) => { if (data?.type === 'perhuman-refresh') refresher.hurry() })
}

/** @param {Holder} holder */
function whole(holder) {
  const lock = byId('lock')
  lock.addEventListener('click', () => holder.lockAll())
  /** @type {ReturnType<typeof home> | undefined} */
  let open
  let shown = ''
  /** @type {(() => void) | undefined} */
  let letGo
  const show = () => {
    const view = !holder.vault ? 'welcome' : holder.locked ? 'locked' : 'home'
    lock.hidden = view !== 'home'
    // Nothing is lost if a locked wallet's page starts again under a new version.
    if (view !== 'locked') letGo ??= hold()
    else letGo = void letGo?.()
    if (view !== shown) {
      const first = shown === ''
      shown = view
      open = view === 'home' ? home(holder) : undefined
      fill(main, open ? open.el : view === 'locked' ? locked(holder) : welcomeView())
      if (!first) main.focus()
    }
    open?.update()
  }
  /** @returns {HTMLElement} */
  const welcomeView = () => {
    const { el, loud } = lostBefore()
    return h('div', { class: 'stack loose' }, loud ? el : null, welcome(holder, () => {
      fill(main, bring(holder, () => fill(main, welcomeView())))
      main.querySelector('textarea')?.focus()
    }), loud ? null : el)
  }
  holder.addEventListener('change', show)
  const lost = h('div')
  main.before(lost)
  watchLoss(holder, lost)
  readInBackground(holder)
  // The other end of a transfer. What the address brought leaves it at once.
  const brought = /^#bring=([\w-]+)$/.exec(location.hash)?.[1]
  if (location.hash) history.replaceState(null, '', '/')
  if (brought) fill(main, passage(holder, brought, show))
  else show()
}

try {
  furnish()
  const holder = await Holder.start()
  if (holder.issuers.length === 0) throw Object.assign(new Error('no issuer'), { code: 'no_issuer' })
  if (new URLSearchParams(location.search).has('request')) {
    document.documentElement.classList.add('asked')
    hold()
    await dialog(holder, main)
  } else if (phone) {
    document.documentElement.classList.add('asked')
    hold()
    await dialog(holder, main, () => questionFor(phone))
  } else {
    whole(holder)
    loaded()
    await install()
  }
} catch (err) {
  fill(main, h('div', { class: 'note bad', role: 'alert' }, sentence(err)))
  console.error(err)
} finally {
  loaded()
}
