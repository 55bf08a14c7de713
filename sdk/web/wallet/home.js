// The view of an open wallet: is this person in the set of each issuer, is the
// secret backed up, what was proven, how does it open, and how to erase it.

import { crowd, fill, h, icon } from '../dom.js'
import { broken } from './broken.js'
import * as custody from './custody.js'
import { enrol, untilMember } from './enrol.js'
import { history } from './history.js'
import { backup, identity } from './keep.js'
import { last, look, standing } from './life.js'
import { alarm, dayOf, follow, place, progress, recover } from './place.js'
import { passphraseForm, press } from './setup.js'
import { offlineNote, setAge } from './offline-words.js'
import { codeOf, sentence, t, when } from './texts.js'

/** @typedef {import('./holder.js').Holder} Holder */

/** @param {Holder} holder @returns {{el: HTMLElement, update: () => void}} */
export function home(holder) {
  const parts = [...holder.issuers.map((issuer, i) => membership(holder, issuer, i === 0)), backup(holder)]
  const el = h('section', { class: 'stack loose' }, ...parts.map((p) => p.el), history(holder), ways(holder), erase(holder))
  return { el, update: () => parts.forEach((p) => p.update()) }
}

/** @param {Holder} holder @param {import('./holder.js').Issuer} issuer @param {boolean} first gets the title of the page */
function membership(holder, issuer, first) {
  const title = first ? 'h1' : 'h2'
  const card = h('div', { class: 'card status' })
  const host = new URL(issuer.at).host
  const picture = h('div', { class: 'picture' })
  const text = h('div', { class: 'stack' })
  const status = h('div', { role: 'status', class: 'stack' })
  let busy = false, looked = false
  /** @type {Promise<void>} */
  let reading = Promise.resolve()
  card.append(picture, h('div', { class: 'stack' }, text, status))

  /** Waits for what goes on already, then reads log and issuer once more. */
  const again = async () => {
    await reading
    await check()
  }
  const check = () => (reading = read())
  const read = async () => {
    if (busy) return
    busy = true
    try {
      await holder.resume(issuer)
      // With a set at hand nobody waits for this one: it is at some time that has nothing to do with the opening.
      if (!looked && holder.memberships.get(issuer.vkey)?.member) await new Promise((resolve) => setTimeout(resolve, Math.random() * 3000))
      else fill(status, h('span', { class: 'muted' }, t('reading_log')))
      looked = true
      if (holder.locked) return
      await holder.sync(issuer)
      await look(holder, issuer)
      const { recovery } = holder.life(issuer)
      // The set may have been read just before the leaf came that the issuer now tells of.
      if (standing(holder, issuer) === 'waiting' || standing(holder, issuer) === 'recovering' && recovery?.status === 'committed') {
        await untilMember(holder, issuer, 60_000)
        await look(holder, issuer)
      }
      fill(status)
    } catch (err) {
      const away = codeOf(err) === 'source_unavailable' && holder.memberships.has(issuer.vkey)
      if (!holder.locked) fill(status, holder.broken.has(issuer.vkey) ? null : away ? offlineNote(holder, issuer) : h('div', { class: 'note bad' }, sentence(err)), h('button', { type: 'button', onclick: check }, t('try_again')))
    } finally {
      busy = false
      update()
      next() // what is under way now decides when to look again
    }
  }

  /** @param {HTMLButtonElement} button */
  const become = async (button) => {
    if (busy) return
    busy = true
    button.disabled = true
    const steps = [
      ['opened', t('step_open', { host })], ['possession', t('step_possession')], ['enrolled', t('step_capture')], ['member', t('step_anchor')],
    ]
    const items = steps.map(([, label]) => h('li', null, label))
    fill(status, h('ol', { class: 'steps' }, items))
    let at = 0
    items[0].dataset.state = 'now'
    const reach = (/** @type {string} */ step) => {
      const next = steps.findIndex(([name]) => name === step) + 1
      for (; at < next; at++) items[at].dataset.state = 'done'
      if (at < items.length) items[at].dataset.state = 'now'
    }
    try {
      await enrol(holder, issuer, reach)
      await untilMember(holder, issuer, 60_000)
      reach('member')
      fill(status)
      await look(holder, issuer).catch(() => {}) // the card below says it again when it is opened
    } catch (err) {
      items[Math.min(at, items.length - 1)].dataset.state = 'failed'
      if (codeOf(err) === 'cancelled') fill(status, h('span', { class: 'muted' }, t('issuer_closed')))
      else status.append(h('div', { class: 'note bad' }, sentence(err)))
    } finally {
      busy = false
      button.disabled = false
      update()
    }
  }

  /** The way back for somebody who has nothing left of the old secret. */
  function lost() {
    const button = h('button', { type: 'button', class: 'quiet' }, t('lost'))
    button.addEventListener('click', () => press(button, status, t('reading'), () => recover(holder, issuer, next)).catch(() => {}))
    return button
  }

  /** @returns {HTMLElement} */
  function begin() {
    const button = h('button', { class: 'primary', type: 'button' }, t('become'), icon('out'))
    button.disabled = busy
    button.addEventListener('click', () => become(button))
    return button
  }

  /** @param {'good' | 'warn' | 'bad' | ''} state @param {string} badge @param {string} headline @param {...import('../dom.js').Children} rest */
  const say = (state, badge, headline, ...rest) => fill(text,
    h('span', { class: `badge ${state}` }, icon(state === 'good' ? 'seal' : 'open'), badge), h(title, null, headline), ...rest)

  function update() {
    const seen = holder.memberships.get(issuer.vkey), life = holder.life(issuer), is = standing(holder, issuer)
    if (shown === 'member' && is === 'none') return // the wallet is being locked
    const changed = shown !== is
    shown = is
    fill(picture, crowd(seen?.live ?? 120))
    picture.classList.toggle('in', is === 'member')
    const since = last(life, 'enrol', 'rekey_in')
    switch (is) {
      case 'broken': {
        if (!changed) break // what was ticked stays ticked
        const [headline, ...rest] = broken(holder, issuer, again)
        say('bad', t('broken'), headline, ...rest)
        break
      }
      case 'member':
        say('good', t('verified_human'), t('one_of', { n: seen?.live ?? 0 }), h('p', { class: 'muted' }, t('member_text', { issuer: issuer.name })),
          since ? h('p', { class: 'muted small' }, t('fact_since', { day: dayOf(since.day) })) : null, seen ? setAge(holder, { issuers: [issuer.vkey] }) : null)
        break
      case 'waiting':
        say('warn', t('waiting'), t('enrolment_there'), h('p', { class: 'muted' }, t('enrolment_wait')))
        break
      case 'recovering':
        say('warn', t('recovering'), t('recovering_title'), h('p', { class: 'muted' }, t('recovering_text')), progress(holder, issuer))
        break
      case 'stopped':
        say('bad', t('stopped'), t('stopped_title'), h('p', { class: 'muted' }, sentence(life.recovery?.code ?? '')), h('p', { class: 'muted' }, t('stopped_text')), h('div', { class: 'row' }, lost()))
        break
      case 'left': {
        const d = life.deletion
        say('', t('gone'), t('gone_title'), h('p', { class: 'muted' }, t(d?.destroyed_at ? 'gone_done' : 'gone_text', { when: when(d?.reentry_at ?? 0) })),
          d?.destroyed_at ? h('div', { class: 'row' }, begin()) : null)
        break
      }
      case 'moved':
        say('bad', t('moved'), t('moved_title'), h('p', { class: 'muted' }, t('moved_text')), h('div', { class: 'row' }, lost()))
        break
      case 'removed':
        say('bad', t('moved'), t('removed_title'), h('p', { class: 'muted' }, t('removed_text')))
        break
      default:
        say('', t('not_yet'), t('become_title'),
          h('p', { class: 'muted' }, t('become_text', { issuer: issuer.name }), seen ? ' ' + t('in_its_set', { n: seen.live }) : ''),
          h('div', { class: 'row' }, begin(), h('span', { class: 'muted small' }, t('opens', { host }))),
          h('div', { class: 'row' }, lost()))
    }
    warning.update()
    below.update()
  }
  let shown = ''
  const warning = alarm(holder, issuer), below = place(holder, issuer, again)
  const el = h('div', { class: 'stack' }, warning.el, card, below.el)
  const next = follow(holder, issuer, check)
  update()
  check()
  return { el, update }
}

/** @param {Holder} holder */
function ways(holder) {
  const el = h('details', { class: 'card' })
  const update = () => {
    const list = holder.vault?.ways ?? []
    const status = h('div', { role: 'status' })
    const passkey = h('button', { type: 'button', hidden: !custody.passkeysExist() || list.some((w) => w.type === 'passkey') }, icon('key'), t('add_passkey'))
    passkey.addEventListener('click', () => press(passkey, status, t('follow_prompt'), async () => {
      await holder.addWay(custody.withPasskey)
      update()
    }).catch(() => {}))
    fill(el, h('summary', null, t('ways')),
      h('div', { class: 'stack' },
        h('ul', { class: 'facts' }, list.map((w) => h('li', { 'data-state': 'good' }, icon(w.type === 'passkey' ? 'key' : 'lock'),
          h('b', null, w.type === 'passkey' ? t('way_passkey') : t('way_passphrase')),
          h('span', null, w.type === 'passkey' ? t('way_passkey_text') : t('way_passphrase_text', { n: w.rounds ?? custody.rounds }))))),
        passkey, status,
        list.some((w) => w.type === 'passphrase') ? null : h('details', null, h('summary', null, t('add_passphrase')),
          passphraseForm(t('add_it'), async (p) => {
            await holder.addWay((s) => custody.withPassphrase(s, p))
            update()
          })),
        identity(holder)))
  }
  update()
  return el
}

/** @param {Holder} holder */
function erase(holder) {
  const sure = h('input', { type: 'checkbox', id: 'sure' })
  const button = h('button', { type: 'button', class: 'danger', disabled: true }, t('erase_wallet'))
  sure.addEventListener('change', () => { button.disabled = !sure.checked })
  button.addEventListener('click', () => holder.wipe())
  return h('details', { class: 'card' }, h('summary', null, t('erase_wallet')),
    h('div', { class: 'stack' },
      h('p', { class: 'muted' }, t('erase_text')),
      h('label', { class: 'choice', for: 'sure' }, sure, t('erase_sure')),
      h('div', null, button)))
}
