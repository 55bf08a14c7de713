// The wallet's page: which view is shown when.

import { byId, fill, h } from '../dom.js'
import { Holder } from './holder.js'
import { home } from './home.js'
import { dialog } from './request.js'
import { bring, locked, welcome } from './setup.js'
import { sentence } from './texts.js'

const main = byId('main')

/** @param {Holder} holder */
function whole(holder) {
  const lock = byId('lock')
  lock.addEventListener('click', () => holder.lock())
  /** @type {ReturnType<typeof home> | undefined} */
  let open
  let shown = ''
  const show = () => {
    const view = !holder.vault ? 'welcome' : holder.locked ? 'locked' : 'home'
    lock.hidden = view !== 'home'
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
  const welcomeView = () => welcome(holder, () => {
    fill(main, bring(holder, () => fill(main, welcomeView())))
    main.querySelector('textarea')?.focus()
  })
  holder.addEventListener('change', show)
  show()
}

try {
  const holder = await Holder.start()
  if (!holder.issuer) throw Object.assign(new Error('no issuer'), { code: 'no_issuer' })
  if (new URLSearchParams(location.search).has('request')) {
    document.documentElement.classList.add('asked')
    await dialog(holder, main)
  } else {
    whole(holder)
  }
} catch (err) {
  fill(main, h('div', { class: 'note bad', role: 'alert' }, sentence(err)))
  console.error(err)
}
