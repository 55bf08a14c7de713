// Apps, their actions, keys, sites and webhooks.
import { $, h, fill, count, time } from './dom.js'

const expanded = new Set()

export const showApps = (at, apps, may, change) => {
  if (!apps.length) {
    return fill(at, h('p', { class: 'card empty' }, 'No app yet. An app is a site in one environment: make one, give it a key, and put the key on the app’s server.'))
  }
  fill(at, apps.map(a => card(a, may && !a.fixed, change)))
}

const counts = c => h('span', { class: 'counts', title: 'since this process started' },
  h('span', {}, h('i', { class: 'dot yes' }), count(c.accepted)), h('span', {}, h('i', { class: 'dot no' }), count(c.refused)), h('span', {}, h('i', { class: 'dot not-now' }), count(c.failed)))

const card = (a, may, change) => h('div', { class: 'card app' }, h('details', {
  open: expanded.has(a.id), ontoggle: e => expanded[e.target.open ? 'add' : 'delete'](a.id)
}, h('summary', {}, h('b', {}, a.name), a.name !== a.rp && h('span', { class: 'muted' }, a.rp),
  h('span', { class: 'badge ' + (a.environment === 'live' ? 'good' : 'warn') }, a.environment), a.fixed && h('span', { class: 'badge' }, 'from the command line'), counts(a.count)),
h('div', { class: 'body' }, actions(a, may, change), keys(a, may, change), !a.fixed && sites(a, may, change), !a.fixed && hooks(a, may, change), may && remove(a, change))))

const part = (title, button, ...rest) => h('section', { class: 'part' }, h('div', { class: 'row between' }, h('h3', {}, title), button), rest)
const none = text => h('p', { class: 'muted small' }, text)

const policy = text => {
  const [, seq, inner] = text.match(/^snapshot:(\d+):(.*)$/) ?? [, '', text]
  const words = inner === 'once' ? 'once, for ever' : inner === 'returning' ? 'returning: a sign-in' : inner.replace(/^(\d+)\/(.*)$/, '$1 times a $2').replace(/^1 times/, 'once')
  return words + (seq ? `, of the set frozen at #${seq}` : '')
}

const actions = (a, may, change) => part('Actions and origins', may && h('button', { type: 'button', class: 'quiet', onclick: () => edit(a, change) }, 'Edit'),
  h('ul', { class: 'list' }, Object.entries(a.actions).sort().map(([name, text]) => h('li', {}, h('code', {}, name), h('span', { class: 'end muted' }, policy(text))))),
  h('p', { class: 'muted small' }, a.origins.join(', ')))

const keyRow = (k, end) => h('li', { class: k.active ? '' : 'over' }, h('code', {}, k.id),
  h('span', { class: 'muted small' }, !k.active ? 'ended ' + time(k.ends) : k.ends ? 'works until ' + time(k.ends) : 'since ' + time(k.created)), end)

const keys = (a, may, change) => {
  if (a.fixed) return part('Key', null, none('In the file that the command line names.'))
  const active = a.keys.some(k => k.active)
  return part('Keys', may && h('span', {}, active && h('button', { type: 'button', class: 'quiet', onclick: () => rotate('Rotate the key', a.name, change, `/admin/apps/${a.id}/keys`) }, 'Rotate'),
    h('button', { type: 'button', class: 'quiet', onclick: () => run(() => change('POST', `/admin/apps/${a.id}/keys`, {}), 'Key of ' + a.name) }, 'New key')),
  a.keys.length ? h('ul', { class: 'list' }, a.keys.map(k => keyRow(k, k.active && may && h('span', { class: 'end' }, h('button', {
    type: 'button', class: 'danger', onclick: () => sure('Revoke this key?', `Requests with ${k.id} are refused from now on, on every machine within seconds.`, 'Revoke', () => change('DELETE', `/admin/apps/${a.id}/keys/${k.id}`))
  }, 'Revoke'))))) : none('No key yet: nobody can ask for this app.'))
}

const sites = (a, may, change) => part('In place of a CAPTCHA', may && h('button', { type: 'button', class: 'quiet', onclick: () => newSite(a, change) }, 'New sitekey'),
  a.sites.length ? h('ul', { class: 'list' }, a.sites.map(x => h('li', {}, h('code', {}, x.sitekey), h('span', { class: 'muted small' }, x.action, x.secrets.filter(k => k.active).length > 1 ? ', in rotation' : ''),
    may && h('span', { class: 'end' }, h('button', { type: 'button', class: 'quiet', onclick: () => rotate('Rotate the secret', x.sitekey, change, `/admin/apps/${a.id}/sites/${x.sitekey}/secrets`) }, 'Rotate'),
      h('button', { type: 'button', class: 'danger', onclick: () => sure('Remove this sitekey?', 'Forms that use it stop working at once.', 'Remove', () => change('DELETE', `/admin/apps/${a.id}/sites/${x.sitekey}`)) }, 'Remove')))))
    : none('No sitekey. One lets a form that speaks siteverify use an action.'))

const hooks = (a, may, change) => part('Webhooks', may && h('button', { type: 'button', class: 'quiet', onclick: () => newHook(a, change) }, 'New webhook'),
  a.hooks.length ? h('ul', { class: 'list' }, a.hooks.map(x => h('li', {}, h('code', {}, x.url), h('span', { class: 'muted small' }, x.events.map(e => e.replace('verification.', '')).join(', '), x.secrets > 1 ? ', in rotation' : ''),
    may && h('span', { class: 'end' }, h('button', { type: 'button', class: 'quiet', onclick: () => rotate('Rotate the secret', x.url, change, `/admin/apps/${a.id}/hooks/${x.id}/secrets`) }, 'Rotate'),
      h('button', { type: 'button', class: 'danger', onclick: () => sure('Remove this webhook?', 'What waits for it is dropped.', 'Remove', () => change('DELETE', `/admin/apps/${a.id}/hooks/${x.id}`)) }, 'Remove')))))
    : none('Nobody is told of decisions but who asked.'))

const remove = (a, change) => h('div', { class: 'row end' }, h('button', {
  type: 'button', class: 'danger', onclick: () => sure(`Remove ${a.name}?`, 'Its keys, sitekeys and webhooks end now. What its people have done stays done: a new app of this site finds it.', 'Remove', () => change('DELETE', `/admin/apps/${a.id}`))
}, 'Remove this app'))

// Dialogs. There is one element, and one of them at a time.
const dialog = (title, ...content) => {
  const d = $('dialog')
  fill(d, h('div', { class: 'stack' }, h('h2', { id: 'dialog-title' }, title), content))
  if (!d.open) d.showModal()
  return d
}
const close = () => $('dialog').close()

// form is a dialog that asks, and stays with what went wrong.
const form = (title, submit, fields, word, danger) => {
  const wrong = h('p', { class: 'note bad', role: 'alert', hidden: true })
  const send = h('button', { class: danger ? 'danger' : 'primary' }, word)
  dialog(title, h('form', {
    class: 'stack', onsubmit: async e => {
      e.preventDefault()
      send.disabled = true
      try { await submit(e.target) } catch (fault) { wrong.hidden = false; wrong.textContent = fault.message }
      send.disabled = false
    }
  }, fields, wrong, h('div', { class: 'row end' }, h('button', { type: 'button', class: 'quiet', onclick: close }, 'Cancel'), send)))
}

const sure = (title, text, word, act) => form(title, async () => { await act(); close() }, h('p', { class: 'muted' }, text), word, true)

const show = (title, answer) => {
  const said = h('span', { class: 'muted small', role: 'status' })
  dialog(title, h('p', { class: 'muted' }, 'This is the only time that it can be read. Put it on the app’s server, as you would a password.'),
    answer.sitekey && h('div', { class: 'field' }, h('h3', {}, 'Sitekey, for the page'), h('span', { class: 'secret' }, answer.sitekey)),
    h('div', { class: 'field' }, answer.sitekey && h('h3', {}, 'Secret, for the server'), h('span', { class: 'secret', tabindex: 0 }, answer.secret)),
    h('div', { class: 'row end' }, said, h('button', {
      type: 'button', onclick: async () => { try { await navigator.clipboard.writeText(answer.secret); said.textContent = 'Copied.' } catch { said.textContent = 'Select it and copy.' } }
    }, 'Copy'), h('button', { type: 'button', class: 'primary', onclick: close }, 'I have it')))
}

const run = async (act, title) => { try { show(title, await act()) } catch (e) { dialog(title, h('p', { class: 'note bad' }, e.message), h('div', { class: 'row end' }, h('button', { type: 'button', onclick: close }, 'Close'))) } }

const field = (name, text, control, hint) => h('div', { class: 'field' }, h('label', { for: 'f-' + name }, text), control, hint && h('span', { class: 'hint' }, hint))
const input = (name, props) => h('input', { id: 'f-' + name, name, autocomplete: 'off', spellcheck: 'false', ...props })
const select = (name, options) => h('select', { id: 'f-' + name, name }, options.map(([value, text]) => h('option', { value }, text)))
const area = (name, value, rows) => { const t = h('textarea', { id: 'f-' + name, name, rows: rows ?? 4, spellcheck: 'false' }); t.value = value; return t }

const overlaps = [[86400, '1 day'], [3600, '1 hour'], [604800, '7 days'], [0, 'End it now']]
const rotate = (title, what, change, path) => form(title, async f => show('New secret', await change('POST', path, { overlap: Number(f.overlap.value) })),
  [h('p', { class: 'muted' }, what), field('overlap', 'The present one works on for', select('overlap', overlaps), 'Long enough to put the new one on the server.')], 'Rotate')

const readActions = text => Object.fromEntries(text.split('\n').map(l => l.trim()).filter(Boolean).map(l => {
  const [, name, p] = l.match(/^(\S+)\s+(\S+)$/) ?? []
  if (!name) throw new Error(`“${l}” is not an action and a policy.`)
  return [name, p]
}))
const lines = text => text.split(/\s+/).filter(Boolean)
const actionsHint = 'One a line: a name and a policy, which are once, returning, 5/day, 3/1h or snapshot:SEQ:once.'

export const newApp = change => form('New app', async f => {
  const app = await change('POST', '/admin/apps', {
    name: f.name.value, rp: f.rp.value.trim(), environment: f.environment.value, actions: readActions(f.actions.value), ...(f.origins.value.trim() ? { origins: lines(f.origins.value) } : {})
  })
  expanded.add(app.id)
  show('Key of ' + app.name, await change('POST', `/admin/apps/${app.id}/keys`, {}))
}, [field('name', 'Name', input('name', { required: true, maxlength: 100 }), 'For this page alone.'),
  field('rp', 'Site', input('rp', { required: true, placeholder: 'forum.example', autocapitalize: 'none' }), 'The host that people see. Their one-time numbers depend on it.'),
  field('environment', 'Environment', select('environment', [['live', 'live'], ['test', 'test']]), 'It can never be changed.'),
  field('actions', 'Actions', area('actions', 'post 5/day'), actionsHint),
  field('origins', 'Origins', area('origins', '', 2), 'Pages that may ask. Empty: https:// and the site.')], 'Make it')

const edit = (a, change) => form('Edit ' + a.name, async f => {
  await change('PATCH', '/admin/apps/' + a.id, { name: f.name.value, actions: readActions(f.actions.value), origins: lines(f.origins.value) })
  close()
}, [field('name', 'Name', input('name', { required: true, maxlength: 100, value: a.name })),
  field('actions', 'Actions', area('actions', Object.entries(a.actions).sort().map(([n, p]) => n + ' ' + p).join('\n'), 6), 'Of an action that is there only the number can change, from the next period on.'),
  field('origins', 'Origins', area('origins', a.origins.join('\n'), 2))], 'Save')

const newSite = (a, change) => form('New sitekey', async f => show('Sitekey of ' + a.name, await change('POST', `/admin/apps/${a.id}/sites`, { action: f.action.value })),
  [h('p', { class: 'muted' }, 'A sitekey and its secret belong to one action for ever, because forms that speak siteverify rarely compare it.'),
    field('action', 'Action', select('action', Object.keys(a.actions).sort().map(n => [n, n])))], 'Make it')

const newHook = (a, change) => form('New webhook', async f => show('Signing secret', await change('POST', `/admin/apps/${a.id}/hooks`, {
  url: f.url.value.trim(), events: ['verification.completed', ...(f.refused.checked ? ['verification.refused'] : [])]
})), [field('url', 'Address', input('url', { type: 'url', required: true, placeholder: 'https://forum.example/hooks/perhuman' }), 'On the public internet, over https, unless this verifier was started to allow more.'),
  h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'refused' }), 'Tell it of refusals too')], 'Make it')

