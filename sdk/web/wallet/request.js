// The window an app opens to ask: hear the question, show who asks and for
// what, answer after a click.

import { fromBase64url } from '../bytes.js'
import { fill, h, icon } from '../dom.js'
import { hindrance, meter, whatIsAsked, whatIsShared } from './asked.js'
import { personally } from './consent.js'
import { setAge, setUnread } from './offline-words.js'
import { consistent, question, tellIfPossible } from './question.js'
import { unlockForm } from './setup.js'
import { codeOf, sentence, t } from './texts.js'

/**
 * @typedef {import('./holder.js').Holder} Holder
 * @typedef {import('./question.js').Request} Request
 */

/**
 * The dialog of a question, from hearing it to the answer.
 * @param {Holder} holder @param {HTMLElement} main @param {() => Promise<Request>} [hear]
 */
export async function dialog(holder, main, hear = question) {
  fill(main, h('p', { role: 'status', class: 'muted' }, t('waiting_question')))
  /** @type {Request} */
  let r
  try {
    r = await hear()
  } catch (err) {
    fill(main, h('section', { class: 'card stack' }, h('h1', null, t('nobody_asked')),
      hear === question ? h('p', { class: 'muted' }, t('nobody_asked_text')) : h('div', { class: 'note bad', role: 'alert' }, sentence(err)), h('p', null, h('a', { href: '/' }, t('open_wallet')))))
    return
  }
  let answered = false, over = false, proving = false
  const leave = (/** @type {string} */ code) => {
    if (answered) return
    answered = true
    tellIfPossible(r.tell, code)
    away(50) // lets a link in the same click open first
  }
  /** A window that a site opened closes; one that a camera opened cannot. @param {number} ms */
  const away = (ms) => {
    if (!r.relayed) setTimeout(() => window.close(), ms)
    else fill(main, h('section', { class: 'card stack' }, h('h1', { tabindex: -1 }, t('go_back')), h('p', { class: 'muted' }, t('go_back_text')), h('p', null, h('a', { href: '/' }, t('open_wallet')))))
  }
  addEventListener('pagehide', () => { if (!answered) tellIfPossible(r.tell, 'cancelled') })

  const status = h('div', { role: 'status', class: 'stack' })
  const middle = h('div', { class: 'stack' })
  const actions = h('div', { class: 'row end' })
  const decline = h('button', { type: 'button', onclick: () => leave('cancelled') }, t('decline'))
  /** The wallet's final word. @param {unknown} err */
  const refuse = (err) => {
    const code = codeOf(err)
    over = true
    clearInterval(watch)
    fill(middle)
    fill(status, answered ? h('div', { class: 'note bad' }, sentence(err)) : hindrance(err, true))
    // A window whose opener is gone can be closed by the person alone.
    const close = code === 'asker_gone' ? h('a', { class: 'button primary', href: '/' }, t('open_wallet'))
      : h('button', { type: 'button', class: 'primary', onclick: () => { answered ? away(50) : leave(code) } }, t('back_to_site'))
    fill(actions, close)
    close.focus()
  }
  /** What may pass: who goes back now tells the site what it was. @param {unknown} err @param {string} label @param {() => void} again */
  const hinder = (err, label, again) => {
    const retry = h('button', { type: 'button', class: 'primary', onclick: again }, label)
    fill(middle)
    fill(status, hindrance(err, false))
    fill(actions, h('button', { type: 'button', onclick: () => leave(codeOf(err)) }, t('back_to_site')), retry)
    retry.focus()
  }
  /** Refuses if there is nobody to answer any more, or no time. @returns {boolean} whether it did */
  const late = () => {
    if (answered || over) return over
    if (r.gone?.()) refuse('asker_gone')
    else if (expires * 1000 < Date.now()) refuse('challenge_expired')
    return over
  }
  let expires = Infinity, watch = 0
  const card = h('section', { class: 'card stack request' },
    h('h1', null, h('span', { class: 'asker', id: 'asker' }, r.rp), t('asks')),
    r.relayed ? h('div', { class: 'note warn', id: 'relayed' }, t('relayed', { rp: r.rp })) : null,
    h('div', { class: 'asked' }), middle, status, actions)
  fill(main, card)
  /** @type {import('./holder.js').Issuer[]} */
  let accepted
  /** @type {import('./consent.js').Read | undefined} */
  let read
  try {
    expires = await consistent(r)
    accepted = holder.accepted(r)
    if (r.bound) read = { ...await holder.bound(r, r.bound), bytes: fromBase64url(r.bound.bytes) }
  } catch (err) {
    refuse(err)
    return
  }
  fill(/** @type {Element} */ (card.querySelector('.asked')), whatIsAsked(r, accepted, read))
  watch = window.setInterval(() => { if (!proving) late() }, 1000)

  if (!holder.vault) {
    fill(status, h('div', { class: 'note' }, t('no_wallet')))
    fill(actions, decline, h('a', { class: 'button primary', href: '/', target: '_blank', rel: 'noopener', onclick: () => leave('not_member') }, t('set_up')))
    return
  }

  /** Every step from unlocking to the button; runs again whenever the wallet opens. @param {boolean} [fresh] the sets were read just now */
  const prepare = async (fresh) => {
    fill(middle)
    fill(actions, decline)
    fill(status, h('span', { class: 'muted' }, t('preparing')))
    try {
      await holder.gather(r)
      if (holder.locked || over) return
      if (!holder.vouching(r).every(({ vkey }) => holder.memberships.get(vkey)?.member)) {
        fill(status, h('div', { class: 'note' }, sentence('not_member'), ' ', t('become_then_back')))
        fill(actions, h('button', { type: 'button', onclick: () => leave('not_member') }, t('back_to_site')), h('button', { type: 'button', onclick: readFirst }, t('read_now')), h('a', { class: 'button primary', href: '/', target: '_blank', rel: 'noopener', onclick: () => leave('not_member') }, t('become')))
        return
      }
      const prompt = await holder.prepare(r)
      if (over) return
      const here = r.relayed ? personally(r.rp, () => { prove.disabled = !ready || !here?.ticked() }) : null
      fill(middle, whatIsShared(r, prompt.crowd, read), r.kind === 'per_epoch' ? meter(prompt.left, r) : null, setAge(holder, r), here?.el)
      let ready = false
      const prove = h('button', { type: 'button', class: 'primary', disabled: true }, icon('seal'), t('prove'))
      // The proof needs nothing that is not known by now: it is made while the person reads, and thrown away if they decline.
      /** @type {import('./holder.js').Proposal | undefined} */
      let made
      const making = holder.propose(r).then((p) => {
        made = p
        prove.dataset.made = ''
      })
      // What failed before the click is made anew after it; what fails after it is told.
      let failed = false
      making.catch(() => { failed = true })
      prove.addEventListener('click', () => go(prove, failed ? undefined : making, () => made))
      fill(status)
      fill(actions, decline, prove)
      // A key or click that was meant for something else must not count as consent.
      setTimeout(() => {
        ready = true
        prove.disabled = here !== null && !here.ticked()
        if (prove.disabled) here?.focus()
        else prove.focus()
      }, 400)
    } catch (err) {
      if (holder.locked || over) return
      if (codeOf(err) === 'set_unread' && fresh) {
        hinder('set_ahead', t('read_now'), readFirst)
        return
      }
      if (codeOf(err) === 'set_unread') {
        const read = h('button', { type: 'button', class: 'primary', onclick: readFirst }, t('read_now'))
        fill(status, setUnread(holder, r))
        fill(actions, decline, read)
        read.focus()
        return
      }
      if (!passing.has(codeOf(err))) {
        refuse(err)
        return
      }
      if (sets.has(codeOf(err))) hinder(err, t('read_now'), readFirst)
      else hinder(err, t('try_again'), () => prepare())
    }
  }

  /** Reads the sets because the person said so: the one way in which a question leads to a word with the issuer. */
  const readFirst = async () => {
    fill(middle)
    fill(actions, decline)
    fill(status, h('span', { class: 'muted' }, t('reading_log')))
    try {
      await holder.readSets(r)
    } catch (err) {
      if (holder.locked || over) return
      if (passing.has(codeOf(err)) || clocks.has(codeOf(err))) hinder(err, t('try_again'), readFirst)
      else refuse(err)
      return
    }
    if (!holder.locked && !over) await prepare(true)
  }

  /**
   * The click: from here to the finished proof nothing touches the network.
   * @param {HTMLButtonElement} prove @param {Promise<void> | undefined} making @param {() => import('./holder.js').Proposal | undefined} made
   */
  const go = async (prove, making, made) => {
    if (prove.disabled || late()) return
    prove.disabled = proving = true
    r.tell({ type: 'perhuman-proving' })
    const steps = h('ol', { class: 'steps' },
      h('li', { 'data-state': made() ? 'done' : 'now' }, t(made() ? 'prepared' : 'making')), h('li', null, t('writing')), h('li', null, t('handing', { rp: r.rp })))
    const [step, writing, handing] = steps.children
    fill(status, steps)
    const bar = h('progress', { max: 1, 'aria-hidden': 'true' })
    if (!made()) step.append(bar)
    let given = false
    fill(actions, h('button', {
      type: 'button', onclick: () => {
        given = true
        holder.cancel()
        leave('cancelled')
      },
    }, t('cancel')))
    const onstage = (/** @type {any} */ event) => {
      const { done, total } = event.detail
      if (total > 0) bar.value = done / total
    }
    holder.addEventListener('stage', onstage)
    try {
      await making
      if (given) return
      const response = await holder.answer(r, made(), () => {
        step.setAttribute('data-state', 'done')
        writing.setAttribute('data-state', 'now')
        fill(actions)
      })
      if (answered) return
      for (const li of [step, writing]) li.setAttribute('data-state', 'done')
      handing.setAttribute('data-state', 'now')
      answered = true // the slot is used: closing the page is no refusal any more
      await r.tell({ type: 'perhuman-response', response })
      handing.setAttribute('data-state', 'done')
      fill(actions)
      away(700)
    } catch (err) {
      if (given) return
      if (!passing.has(codeOf(err))) {
        refuse(err)
        return
      }
      hinder(err, t('try_again'), () => prepare())
    } finally {
      proving = false
      holder.removeEventListener('stage', onstage)
    }
  }

  const follow = () => {
    if (answered || over) return
    if (!holder.locked) {
      prepare()
      return
    }
    fill(middle)
    fill(status, h('hr'), unlockForm(holder))
    fill(actions, decline)
    status.querySelector('input')?.focus()
  }
  let was = holder.locked
  holder.addEventListener('change', () => {
    if (holder.locked !== was) {
      was = holder.locked
      follow()
    }
  })
  follow()
}

/** Troubles that pass by themselves; any other is the wallet's final word. */
const passing = new Set(['source_unavailable', 'timeout', 'closed', 'worker_failed', 'engine_missing', 'roots_stale', 'crowd_too_small', 'not_synced'])

/** Troubles that pass with a newer set, perhaps. */
const sets = new Set(['crowd_too_small', 'roots_stale', 'not_synced'])

/** Troubles that pass when the person sets the clock right. */
const clocks = new Set(['clock_behind_issuer', 'issuer_silent'])
