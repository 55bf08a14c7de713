// The issuer's enrolment page: consent, one capture, the answer. The wallet
// opened it and lends its identity for this session: a commitment, a public
// key and a signature, never the secret.

import { concat, encode, fromBase64url, prefixed, sha256, toBase64url, uint } from '/perhuman/bytes.js'
import { byId, fill, h, icon } from '/perhuman/dom.js'
import { canSeal, element, partyKeys } from '/perhuman/capture/seal.js'
import { sealFace } from '/perhuman/capture/split.js'
import { Unseen, cameraExists, capture } from './camera.js'
import { iris, personas } from './personas.js'
import { explain, language, parts, t } from './words.js'

/**
 * @typedef {{origin: string, commitment: string, public_key: [string, string], recovers: boolean, tell: (m: object) => void, hear: (type: string) => Promise<any>}} Wallet
 * @typedef {{nonce: string, issuer: string, expires_at: number, captures: string[]}} Session
 * @typedef {{modality: 'iris', persona: number} | {modality: 'face', vector: Int8Array<ArrayBuffer>}} Taken
 * Whom the page seals to: what it is told of the issuer's matcher, and the keys.
 * @typedef {{name: string, keys: Uint8Array<ArrayBuffer>[]}} Matcher
 */

const main = byId('main')

/** @param {number} step */
function trail(step) {
  for (const [i, li] of [...byId('trail').children].entries()) {
    if (i === step) li.setAttribute('aria-current', 'step')
    else li.removeAttribute('aria-current')
  }
}

/** Shows a view and moves the reader to it. @param {...import('/perhuman/dom.js').Children} children */
function show(...children) {
  fill(main, ...children)
  main.focus()
  scrollTo(0, 0)
}

/** Leads to the issuer's front page. */
const record = () => h('p', null, h('a', { href: '/' }, t('record')))

/** The wallet that opened this page, after it named the identity to enrol. @returns {Promise<Wallet>} */
function wallet() {
  const opener = /** @type {Window | null} */ (window.opener)
  if (!opener) return Promise.reject(new Error('no wallet'))
  /** @type {Map<string, (message: any) => void>} */
  const waiting = new Map()
  /** @type {string | undefined} */
  let origin
  // A window that was opened by something else, or whose wallet is gone, would stay empty.
  const silent = setTimeout(() => show(h('div', { class: 'card stack' }, h('h1', null, t('waiting')),
    h('p', { class: 'muted', role: 'status' }, t('waiting_text')), record())), 3000)
  return new Promise((resolve) => {
    addEventListener('message', (event) => {
      if (event.source !== opener || (origin !== undefined && event.origin !== origin)) return
      const message = event.data
      if (message?.type === 'perhuman-enrol' && origin === undefined) {
        origin = event.origin
        clearTimeout(silent)
        resolve({
          origin, commitment: String(message.commitment), public_key: message.public_key, recovers: message.purpose === 'recover',
          tell: (m) => opener.postMessage(m, event.origin),
          hear: (type) => new Promise((done) => waiting.set(type, done)),
        })
      } else if (origin !== undefined) {
        waiting.get(message?.type)?.(message)
        waiting.delete(message?.type)
      }
    })
    opener.postMessage({ type: 'perhuman-issuer-ready' }, '*') // says nothing but that this page listens
  })
}

/** @param {string} path @param {unknown} body */
async function post(path, body) {
  let answer
  try {
    answer = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
  } catch {
    throw Object.assign(new Error('network'), { code: 'overloaded' })
  }
  const said = await answer.json().catch(() => ({}))
  if (!answer.ok || said.status === 'refused') throw Object.assign(new Error(said.detail ?? path), { code: said.code ?? 'internal_error' })
  return said
}

/** Why this page itself did not go on; nothing was sent. */
class Unsealed extends Error {}

/** Who compares faces here. @returns {Promise<Matcher>} */
async function matcher() {
  try {
    const answer = await fetch('/.well-known/perhuman-issuer.json')
    const metadata = await answer.json()
    return { name: String(metadata.name), keys: partyKeys(metadata, 'face') }
  } catch (err) {
    throw new Unsealed(t('no_keys'), { cause: err })
  }
}

/**
 * Seals a face for who compares it, and forgets it. The device only signs: what
 * it and the issuer get from here are ciphertexts.
 * @param {Matcher} to @param {Session} session @param {string} commitment @param {Int8Array<ArrayBuffer>} vector
 */
async function sealed(to, session, commitment, vector) {
  const { device } = await post('/demo/device', { session: session.nonce })
  try {
    const parts = await sealFace(vector, to.keys, { audience: to.name, nonce: fromBase64url(session.nonce), device: String(device), identityCommitment: element(commitment) })
    return parts.map((p) => ({ sealed: toBase64url(p.sealed), commitment: toBase64url(p.commitment) }))
  } catch (err) {
    throw new Unsealed(t('unsealed'), { cause: err })
  } finally {
    vector.fill(0)
  }
}

/** The text agreed to, and its hash as the capture envelope holds it: domain, language, exact bytes. */
async function consentText() {
  const answer = await fetch(`/static/consent/${language}.txt`)
  if (!answer.ok) throw new Error('the consent text is missing')
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const hash = await sha256(concat(encode('perhuman/consent/1'), prefixed(encode(language)), uint(bytes.length, 4), bytes))
  return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), hash: toBase64url(hash) }
}

/** Asks until there is an answer, and says so meanwhile. @template T @param {() => Promise<T>} what @returns {Promise<T>} */
async function answered(what) {
  for (let said = false;;) {
    try {
      return await what()
    } catch {
      if (!said) {
        show(h('div', { class: 'card stack' }, h('h1', null, t('silent')), h('p', { class: 'muted', role: 'status' }, t('silent_text'))))
      }
      said = true
      await new Promise((resolve) => setTimeout(resolve, 1500))
    }
  }
}

/** @param {Wallet} w @returns {Promise<string>} the hash of what was agreed to */
async function askConsent(w) {
  trail(0)
  const { text, hash } = await answered(consentText)
  const agree = h('input', { type: 'checkbox', id: 'agree' })
  const next = h('button', { type: 'button', class: 'primary wide', disabled: true }, t('next'))
  agree.addEventListener('change', () => { next.disabled = !agree.checked })
  show(
    h('div', { class: 'stack tight' }, h('h1', null, t(w.recovers ? 'recover' : 'enrol')),
      h('p', { class: 'lead' }, parts(w.recovers ? 'recover_lead' : 'enrol_lead', { wallet: h('b', null, new URL(w.origin).host) }))),
    h('div', { class: 'card stack' },
      h('div', { class: 'consent', role: 'region', 'aria-label': t('terms') }, text.trim().split(/\n\s*\n/).map((part) => {
        const [title, ...rest] = part.split('\n')
        return h('div', null, h('h2', null, title), h('p', null, rest.join(' ')))
      })),
      h('label', { class: 'choice', for: 'agree' }, agree, t('agree')),
      next,
      h('p', { class: 'muted small' }, parts('fingerprint', { hash: h('code', null, hash.slice(0, 16)) }))))
  await new Promise((resolve) => next.addEventListener('click', resolve))
  return hash
}

/** @param {Session} session @param {Matcher} to @returns {Promise<Taken>} */
async function take(session, to) {
  trail(1)
  const camera = session.captures.includes('face') && await cameraExists()
  const hindrance = !camera ? t('no_camera') : await canSeal() ? '' : t('no_sealing')
  for (;;) {
    const kind = await choose(to, hindrance)
    const taken = kind === 'face' ? await takeFace() : await takeIris()
    if (taken) return taken
  }
}

/** @param {Matcher} to @param {string} hindrance why there is no capture by camera @returns {Promise<'face' | 'iris'>} */
function choose(to, hindrance) {
  return new Promise((resolve) => {
    show(
      h('div', { class: 'stack tight' }, h('h1', null, t('how')), h('p', { class: 'lead' }, t('how_lead'))),
      h('div', { class: 'kinds' },
        h('button', { type: 'button', id: 'use-camera', disabled: hindrance !== '', onclick: () => resolve('face') }, icon('camera'), h('b', null, t('by_camera')),
          h('span', null, hindrance || t(to.keys.length === 1 ? 'by_camera_text' : 'by_camera_parties'))),
        h('button', { type: 'button', id: 'use-iris', onclick: () => resolve('iris') }, icon('eye'), h('b', null, t('by_iris')), h('span', null, t('by_iris_text')))),
      h('div', { class: 'note warn' }, h('b', null, t('demo')), ' ', t('demo_text')))
  })
}

/** @returns {Promise<Taken | null>} null: the person went back */
async function takeFace() {
  const video = h('video', { playsinline: true, muted: true, 'aria-label': t('picture') })
  const viewer = h('div', { class: 'viewer' }, video)
  const said = h('p', { role: 'status' }, t('loading'))
  const bar = h('progress', { max: 1, value: 0, 'aria-label': t('frames') })
  const stop = new AbortController()
  show(h('h1', null, t('look')), h('div', { class: 'card stack' }, viewer, bar, said,
    h('p', { class: 'muted small' }, t('look_text')),
    h('button', { type: 'button', class: 'quiet', onclick: () => stop.abort() }, t('back'))))
  try {
    const vector = await capture(video, stop.signal, (p) => {
      said.textContent = p.text
      bar.value = p.done
      viewer.dataset.state = p.good ? 'good' : ''
    })
    return { modality: 'face', vector }
  } catch (err) {
    if (stop.signal.aborted) return null
    await new Promise((resolve) => {
      show(h('h1', null, t('nothing')), h('div', { class: 'card stack' },
        h('div', { class: 'note bad', role: 'alert' }, err instanceof Unseen ? err.message : t('capture_failed')),
        h('button', { type: 'button', class: 'primary', onclick: resolve }, t('back'))))
    })
    return null
  }
}

/** @returns {Promise<Taken | null>} */
function takeIris() {
  return new Promise((resolve) => {
    const other = h('input', { type: 'number', id: 'number', min: 1, max: 999999, step: 1, inputmode: 'numeric', placeholder: t('none') })
    const form = h('form', { class: 'stack' },
      h('fieldset', { class: 'people' }, h('legend', { class: 'sr' }, t('people')), personas.map((p, i) =>
        h('label', null, h('input', { type: 'radio', name: 'persona', value: String(p.number), checked: i === 0, required: true }), iris(p.number), h('bdi', null, p.name)))),
      h('div', { class: 'field' }, h('label', { for: 'number' }, t('by_number')), other),
      h('div', { class: 'row end' }, h('button', { type: 'button', class: 'quiet', onclick: () => resolve(null) }, t('back')), h('button', { type: 'submit', class: 'primary' }, t('capture_iris'))))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const number = other.value ? 10_000 + Number(other.value) : Number(new FormData(form).get('persona'))
      resolve({ modality: 'iris', persona: number })
    })
    show(h('div', { class: 'stack tight' }, h('h1', null, t('whose')), h('p', { class: 'lead' }, t('whose_lead'))),
    h('div', { class: 'card stack' }, h('span', { class: 'badge synthetic' }, t('synthetic')), form))
  })
}

/** Codes after which another try in the same window makes sense. */
const again = new Set(['quality_too_low', 'session_expired', 'overloaded', 'store_unavailable', 'matcher_unavailable', 'in_doubt', 'rate_limited', 'internal_error'])

/** Enrols, or announces a recovery. @param {Wallet} w @param {string} consent */
async function enrol(w, consent) {
  const to = await matcher()
  const session = /** @type {Session} */ (await post('/v1/sessions', {}))
  const possession = w.hear('perhuman-possession')
  w.tell({ type: 'perhuman-possess', nonce: session.nonce, issuer: session.issuer })
  const signed = await possession
  if (fromBase64url(String(signed.salt)).length !== 32) throw Object.assign(new Error('salt'), { code: 'possession_invalid' })
  const taken = await take(session, to)
  /** @type {Record<string, unknown>} */
  const request = { session: session.nonce, commitment: w.commitment, consent_hash: consent, modality: taken.modality }
  if (taken.modality === 'face') request.shares = await sealed(to, session, w.commitment, taken.vector)
  else request.persona = taken.persona
  const captured = t(taken.modality === 'iris' ? 'captured_iris' : to.keys.length === 1 ? 'captured' : 'captured_parties')
  show(h('h1', null, t('comparing')), h('div', { class: 'card stack' }, h('ol', { class: 'steps', role: 'status' },
    h('li', { 'data-state': 'done' }, captured), h('li', { 'data-state': 'now' }, t('compared')), h('li', null, t('written')))))
  const { envelope } = await post('/demo/capture', request)
  const done = await post(w.recovers ? '/v1/recoveries' : '/v1/enrolments', { session: session.nonce, envelope, public_key: w.public_key, signature: signed.signature, salt: signed.salt })
  w.tell({ type: 'perhuman-enrolled', id: done.id, receipt: done.receipt, ...(w.recovers ? { recovery: done } : {}) })
  trail(2)
  const [state, mark, badge, title, text] = w.recovers
    ? [/** @type {const} */ ('warn'), /** @type {const} */ ('open'), t('announced_badge'), t('announced'), t('announced_text')]
    : [/** @type {const} */ ('good'), /** @type {const} */ ('seal'), t('enrolled_badge'), t('enrolled'), t('enrolled_text')]
  show(h('div', { class: 'card stack' }, h('span', { class: `badge ${state}` }, icon(mark), badge), h('h1', null, title), h('p', { class: 'muted' }, text),
    h('button', { type: 'button', class: 'primary', onclick: () => window.close() }, t('to_wallet'))))
}

/** @param {Wallet} w */
async function run(w) {
  const consent = await askConsent(w)
  for (;;) {
    try {
      return await enrol(w, consent)
    } catch (err) {
      const code = /** @type {any} */ (err)?.code ?? 'internal_error'
      const final = !again.has(code)
      if (final) w.tell({ type: 'perhuman-enrol-error', code })
      trail(2)
      const retry = await new Promise((resolve) => {
        show(h('div', { class: 'card stack' }, h('span', { class: 'badge bad' }, icon('no'), t(w.recovers ? 'not_recovered_badge' : 'not_enrolled_badge')),
          h('h1', null, !w.recovers && (code === 'already_enrolled' || code === 'not_accepted') ? t('not_twice') : t('failed')),
          h('p', { role: 'alert' }, err instanceof Unsealed ? err.message : explain(code)),
          err instanceof Unsealed ? null : h('p', { class: 'muted small' }, parts('answer', { code: h('code', null, code) })),
          h('div', { class: 'row' },
            final ? null : h('button', { type: 'button', class: 'primary', onclick: () => resolve(true) }, t('try_again')),
            h('button', { type: 'button', class: final ? 'primary' : '', onclick: () => resolve(false) }, t('to_wallet')))))
      })
      if (!retry) {
        window.close()
        return
      }
    }
  }
}

try {
  await run(await wallet())
} catch {
  show(h('div', { class: 'card stack' }, h('h1', null, t('from_wallet')), h('p', { class: 'muted' }, t('from_wallet_text')), record()))
}
