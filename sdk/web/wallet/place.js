// A person's place in an issuer's set, as the wallet shows it: how it stands,
// who wants to take it over, how to leave, how to come back after a loss.

import { fill, h, icon } from '../dom.js'
import { enrol } from './enrol.js'
import { dialogOf } from './keep.js'
import { announcement, last, leave, look, recovering, standing, times, veto } from './life.js'
import { receipts } from './receipts.js'
import { press } from './setup.js'
import { codeOf, date, lasting, sentence, t, when } from './texts.js'

/** @typedef {import('./holder.js').Holder} Holder @typedef {import('./holder.js').Issuer} Issuer */

const now = () => Date.now() / 1000

/** Days of the log are in UTC. @param {number} day */
export const dayOf = (day) => date(day * 86400)

/** Shorter than anybody could answer in: said to be a demonstration's. @param {import('./life.js').Times} a */
const brief = (a) => (a.rekey_period > 0 && a.cooldown < 86400) || a.reentry_delay < 86400

/** @param {import('./life.js').Times} known */
const demonstration = (known) => (brief(known) ? h('div', { class: 'note synthetic' }, t('times_short')) : null)

/** An announced recovery of this place, and the button against it. @param {Holder} holder @param {Issuer} issuer */
export function alarm(holder, issuer) {
  const el = h('div', null)
  const status = h('div', { role: 'status' })
  let shown = ''
  const update = () => {
    const life = holder.life(issuer), e = announcement(life)
    const taking = life.taking?.announcement === e?.record ? life.taking : undefined
    const on = e && standing(holder, issuer) === 'member' && (!taking || ['waiting', 'announced', 'out'].includes(taking.status))
    const state = on ? JSON.stringify([e.record, taking?.veto_until]) : ''
    if (state === shown) return
    shown = state
    if (!on) {
      fill(el)
      return
    }
    const stop = h('button', { type: 'button', class: 'danger solid' }, t('veto'))
    stop.addEventListener('click', () => press(stop, status, t('veto_sending'), () => veto(holder, issuer)).catch(() => {}))
    fill(el, h('section', { class: 'card alarm stack', role: 'alert', 'aria-labelledby': 'alarm-title' },
      h('h2', { id: 'alarm-title' }, t('alarm_title')),
      h('p', null, t('alarm_text', { day: taking?.announced_at ? when(taking.announced_at) : dayOf(e.day), n: e.record })),
      h('p', null, t('alarm_you')),
      h('p', null, taking?.veto_until ? t('alarm_until', { when: when(taking.veto_until) }) : t('alarm_hurry')),
      h('div', { class: 'row' }, stop), status))
  }
  return { el, update }
}

/** How far the recovery is that was asked for here. @param {Holder} holder @param {Issuer} issuer */
export function progress(holder, issuer) {
  const r = holder.life(issuer).recovery
  if (!r) return null
  const at = r.status === 'committed' ? 4 : r.out_at ? 3 : r.announced_at && now() > (r.veto_until ?? 0) ? 2 : 1
  /** @type {[string, string][]} */
  const steps = [
    [t('rec_announced', { when: r.announced_at ? when(r.announced_at) : '…', n: r.announcement ?? '…' }), t('rec_announced_text')],
    [t('rec_wait', { when: r.veto_until ? when(r.veto_until) : '…' }), t('rec_wait_text')],
    [t('rec_out', { when: r.out_at || r.due ? when(r.out_at || r.due || 0) : '…' }), t('rec_out_text')],
    [t('rec_in', { when: r.effective_at ? when(r.effective_at) : '…' }), t('rec_in_text')],
  ]
  return h('ol', { class: 'steps life' }, steps.map(([title, text], i) =>
    h('li', { 'data-state': i < at ? 'done' : i === at ? 'now' : undefined }, h('div', null, h('b', null, title), h('p', { class: 'muted small' }, text)))))
}

/**
 * Everything about the place that is not the headline: a card that opens.
 * @param {Holder} holder @param {Issuer} issuer @param {() => Promise<void>} again reads log and issuer once more
 */
export function place(holder, issuer, again) {
  const list = h('ul', { class: 'facts' }), status = h('div', { role: 'status' })
  const kept = receipts(holder, issuer)
  const check = h('button', { type: 'button' }, t('look_now'))
  check.addEventListener('click', () => press(check, status, t('reading_log'), again).catch(() => {}))
  const out = h('button', { type: 'button', class: 'danger' }, t('leave'))
  out.addEventListener('click', () => press(out, status, t('reading'), () => leaving(holder, issuer, again)).catch(() => {}))
  const parting = h('div', { class: 'stack tight' }, h('h2', { class: 'sub' }, t('leave_title')), h('p', { class: 'muted small' }, t('leave_short')), h('div', null, out))
  const el = h('details', { class: 'card' }, h('summary', null, t('place_title', { issuer: issuer.name })),
    h('div', { class: 'stack' }, list, h('div', { class: 'row' }, check), status, kept.el, parting))
  const update = () => {
    const life = holder.life(issuer)
    el.hidden = standing(holder, issuer) === 'none' && life.receipts.length === 0
    parting.hidden = standing(holder, issuer) !== 'member'
    fill(list, facts(holder, issuer).map(([state, title, text]) =>
      h('li', { 'data-state': state }, icon(state === 'good' ? 'yes' : state === 'bad' ? 'no' : 'open'), h('b', null, title), text ? h('span', null, text) : null)))
    kept.update()
  }
  update()
  return { el, update }
}

/** @param {Holder} holder @param {Issuer} issuer @returns {['good' | 'warn' | 'bad', string, string?][]} */
function facts(holder, issuer) {
  const life = holder.life(issuer)
  /** @type {ReturnType<typeof facts>} */
  const out = []
  const entered = last(life, 'enrol', 'rekey_in'), gone = last(life, 'rekey_out', 'remove')
  if (entered) out.push(['good', t('fact_since', { day: dayOf(entered.day) }), t('fact_entry', { n: entered.record })])
  else if (holder.enrolments.has(issuer.vkey)) out.push(['warn', t('enrolment_there'), t('fact_before')])
  if (life.recovery && !recovering(life)) out.push(life.recovery.status === 'committed' ? ['good', t('fact_recovered')] : ['bad', t('fact_stopped'), sentence(life.recovery.code ?? '')])
  if (life.taking && life.taking.code === 'recovery_vetoed') out.push(['good', t('fact_vetoed'), t('fact_vetoed_text', { n: life.taking.announcement ?? 0 })])
  if (gone) out.push(['bad', t(gone.op === 'remove' ? 'fact_removed' : 'fact_moved', { day: dayOf(gone.day) }), t('fact_zero', { n: gone.record })])
  if (life.deletion) {
    out.push(life.deletion.destroyed_at
      ? ['good', t('fact_destroyed', { when: when(life.deletion.destroyed_at) }), t('fact_destroyed_text')]
      : ['warn', t('fact_kept', { when: when(life.deletion.reentry_at) }), t('fact_kept_text')])
  }
  return out
}

/** Says what it does in plain words, and asks for a typed one. @param {Holder} holder @param {Issuer} issuer @param {() => Promise<void>} again */
async function leaving(holder, issuer, again) {
  const known = await times(issuer)
  const status = h('div', { role: 'status' })
  const word = h('input', { id: 'leave-word', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })
  const go = h('button', { type: 'submit', class: 'danger solid', disabled: true }, t('leave_now'))
  const form = h('form', { class: 'stack' },
    h('div', { class: 'field' }, h('label', { for: 'leave-word' }, t('leave_type', { word: t('leave_word') })), word), status,
    h('div', { class: 'row end' }, h('button', { type: 'button', onclick: () => dialog.close() }, t('cancel')), go))
  word.addEventListener('input', () => { go.disabled = word.value.trim().toLowerCase() !== t('leave_word').toLowerCase() })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    press(go, status, t('leave_sending'), async () => {
      await leave(holder, issuer)
      dialog.close()
      again() // what the log says now
    }).catch(() => {})
  })
  const dialog = dialogOf(holder, t('leave_title'), h('ul', { class: 'plainly' },
    ['leave_at_once', 'leave_log'].map((key) => h('li', null, t(/** @type {'leave_at_once'} */ (key)))),
    h('li', null, t('leave_template', { delay: lasting(known.reentry_delay) })),
    h('li', null, t('leave_acts')), h('li', null, h('b', null, t('leave_final')))), demonstration(known), form)
  byTitle(dialog)
}

/** What recovering costs, and the way to it. @param {Holder} holder @param {Issuer} issuer @param {() => void} [done] */
export async function recover(holder, issuer, done) {
  const known = await times(issuer)
  if (!known.rekey_period) throw Object.assign(new Error('no recoveries'), { code: 'recovery_not_offered' })
  const status = h('div', { role: 'status' })
  const go = h('button', { type: 'button', class: 'primary' }, t('recover_go'), icon('out'))
  go.addEventListener('click', () => press(go, status, t('recover_open', { host: new URL(issuer.at).host }), async () => {
    await enrol(holder, issuer, () => {}, 'recover')
    dialog.close()
    done?.()
  }).catch((err) => { if (codeOf(err) === 'cancelled') fill(status, h('span', { class: 'muted' }, t('issuer_closed'))) }))
  const dialog = dialogOf(holder, t('recover_title'), h('p', null, t('recover_first')), h('ul', { class: 'plainly' },
    h('li', null, t('recover_capture')),
    h('li', null, t('recover_wait', { cooldown: lasting(known.cooldown) })),
    h('li', null, t('recover_then', { period: lasting(known.rekey_period) })),
    h('li', null, t('recover_new')),
    h('li', null, t('recover_limits', { period: lasting(known.rekey_period) }))), demonstration(known), status,
  h('div', { class: 'row end' }, h('button', { type: 'button', onclick: () => dialog.close() }, t('cancel')), go))
  byTitle(dialog)
}

/** @param {HTMLDialogElement} dialog */
function byTitle(dialog) {
  /** @type {HTMLElement} */ (dialog.querySelector('h2')).focus()
}

/**
 * Reads log and issuer again while something is under way, about when the next step is due; ends when the wallet locks.
 * @param {Holder} holder @param {Issuer} issuer @param {() => Promise<unknown>} again
 */
export function follow(holder, issuer, again) {
  let timer = 0
  const next = () => {
    clearTimeout(timer)
    const life = holder.life(issuer)
    if (holder.locked) return
    const due = standing(holder, issuer) === 'recovering' ? life.recovery?.due ?? 0 : life.deletion && !life.deletion.destroyed_at ? life.deletion.reentry_at : undefined
    // A member looks for announcements now and then for as long as the page is open.
    const wait = due === undefined ? 300_000 * (0.5 + Math.random()) : Math.min(Math.max((due - now()) * 1000, 2000), 60_000)
    timer = window.setTimeout(() => again().catch(() => {}).finally(next), wait)
  }
  next()
  return next
}

export { look }
