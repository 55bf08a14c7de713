// Chromium for the browser tests: flags, a watch over everything a page does
// that a visitor would not see, and axe-core.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { patience } from './steps.mjs'

const require = createRequire(import.meta.url)
export const executable = process.env.CHROMIUM || '/usr/bin/chromium'

/** Why the browser tests cannot run here, or false. Under CI=true that is an error. */
export function skip(...more) {
  const missing = [executable, ...more].filter((path) => !existsSync(path))
  if (missing.length === 0) return false
  const why = `missing: ${missing.join(', ')}`
  if (process.env.CI === 'true') throw new Error(why)
  return why
}

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

/** @param {{camera?: string, profile?: string, blocking?: boolean, workers?: boolean, resolve?: string}} [options] a video file that the camera shows; a folder for the profile; resolve: a rule where a name is; blocking: windows that nobody clicked for are blocked, as in people's browsers; workers false: no service workers, and the test may answer in place of the server */
export async function launch(options) {
  const context = await start(options)
  context.setDefaultTimeout(30_000 * patience)
  return context
}

async function start({ camera, profile, blocking, workers = true, resolve } = {}) {
  // Scripts that a test hands out in place of the server's are from no address, and what is from no address may not ask this machine.
  const args = !workers ? [...flags, '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessForWorkers'] : resolve ? [...flags, `--host-resolver-rules=${resolve}`] : camera ? [...flags, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${camera}`] : flags
  if (profile) return chromium.launchPersistentContext(profile, { executablePath: executable, args, viewport: { width: 1280, height: 860 } })
  const browser = await chromium.launch({ executablePath: executable, args, ignoreDefaultArgs: blocking ? ['--disable-popup-blocking'] : undefined })
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, serviceWorkers: workers ? 'allow' : 'block' })
  context.on('close', () => browser.close())
  return context
}

/** Records what pages of a context send and complain about. */
export function watch(context) {
  const seen = { requests: [], complaints: [], policies: [] }
  const page = (p) => {
    p.on('console', (m) => { if (['error', 'warning'].includes(m.type())) seen.complaints.push(`${p.url()}: ${m.type()}: ${m.text()}`) })
    p.on('pageerror', (e) => seen.complaints.push(`${p.url()}: ${e.message}`))
  }
  context.pages().forEach(page)
  context.on('page', page)
  context.on('request', (r) => seen.requests.push({ url: r.url(), method: r.method(), headers: r.headers(), body: r.postDataBuffer(), at: Date.now() }))
  context.on('response', (r) => {
    const { 'content-type': type = '', 'content-security-policy': policy = '' } = r.headers()
    if (r.request().resourceType() === 'document' && type.startsWith('text/html')) seen.policies.push([r.url(), policy])
  })
  return seen
}

/**
 * No request went anywhere but to the demo's own origins on this machine, and
 * every page of theirs came with a policy that lets no script or style in but
 * from its origin.
 */
export function assertLoopback(seen, port) {
  assert.ok(seen.requests.length > 0)
  for (const { url } of seen.requests) {
    const u = new URL(url)
    if (u.protocol === 'blob:' || u.protocol === 'data:') continue
    assert.match(u.hostname, /^(agora|wallet|issuer)\.localhost$/, url)
    assert.equal(u.port, String(port), url)
  }
  const ours = seen.policies.filter(([url]) => new URL(url).port === String(port))
  assert.ok(ours.length > 0)
  for (const [url, policy] of ours) {
    assert.match(policy, /^default-src 'none';/, url)
    assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|\*/, url)
  }
}

/** The ways a secret could be written down. @param {Uint8Array} secret */
export function spellings(secret) {
  const b = Buffer.from(secret)
  return [b, ...[b.toString('hex'), b.toString('hex').toUpperCase(), b.toString('base64').replace(/=*$/, ''), b.toString('base64url'),
    BigInt('0x' + b.toString('hex')).toString(), BigInt('0x' + Buffer.from(b).reverse().toString('hex')).toString(), [...b].join(',')].map((s) => Buffer.from(s))]
}

/** @param {Uint8Array} secret @param {Buffer} haystack @param {string} where */
export function assertAbsent(secret, haystack, where) {
  for (const s of spellings(secret)) assert.equal(haystack.indexOf(s), -1, `the secret is in ${where}`)
  // Half of it would be bad enough.
  assert.equal(haystack.indexOf(Buffer.from(secret).subarray(0, 17)), -1, `a part of the secret is in ${where}`)
}

/** The secret is in nothing that left a page. */
export function assertNotSent(secret, seen) {
  for (const r of seen.requests) {
    assertAbsent(secret, Buffer.concat([Buffer.from(r.url + JSON.stringify(r.headers)), r.body ?? Buffer.alloc(0)]), `${r.method} ${r.url}`)
  }
}

let axe
/**
 * Zero violations of WCAG 2.2 A and AA, and of axe's best practices. Asked for
 * with reduced motion, under which nothing moves from one colour to another: a
 * button on its way from disabled to enabled has a contrast that nobody chose.
 */
export async function assertAccessible(page, what) {
  await page.emulateMedia({ reducedMotion: 'reduce' })
  axe ??= readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
  if (!await page.evaluate(() => 'axe' in globalThis)) {
    const cdp = await page.context().newCDPSession(page)
    await cdp.send('Runtime.evaluate', { expression: axe + ';0' }) // not subject to the page's policy
    await cdp.detach()
  }
  const found = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { resultTypes: ['violations'] })
    return result.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(' ')).join('; ')}`)
  })
  await page.emulateMedia({ reducedMotion: null })
  assert.deepEqual(found, [], `${what}: ${page.url()}`)
}

/** Nothing is wider than the window. */
export async function assertFits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(over <= 0, `${what}: ${over} px too wide`)
}
