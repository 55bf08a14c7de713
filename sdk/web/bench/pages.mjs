// BENCH lines of what a visitor's browser downloads, waits for and holds, on the
// real demo:
//
//   page_weight_bytes      the heaviest of the demo's pages at a first visit: everything it loads, as it goes over the wire,
//                          without the prover (dist/, the proving key) and the camera's models (face/)
//   page_widget_gzip_bytes the widget in English: perhuman.js and what it imports
//   page_first_proof_ms    from the address of a page that was never visited to the first proof: programs, key and set fetched,
//                          one worker for each two threads; median of ROUNDS new browsers, wall time
import assert from 'node:assert/strict'
import http from 'node:http'
import { launch } from '../test/support/chromium.mjs'
import { median } from './peer.mjs'
import { site } from './site.mjs'

const ROUNDS = 5
const left = /\/perhuman\/dist\/|\/semaphore-20\.zkey$|\/face\//

/** @param {string} url @returns {Promise<number>} bytes of the body, as it comes over the wire */
const size = (url) => new Promise((resolve, reject) => {
  const { host, port, pathname } = new URL(url)
  http.get({ host: '127.0.0.1', port, path: pathname, headers: { Host: host, 'Accept-Encoding': 'gzip' } }, (answer) => {
    let n = 0
    answer.on('data', (d) => { n += d.length })
    answer.on('end', () => (answer.statusCode === 200 ? resolve(n) : reject(new Error(`${url}: ${answer.statusCode}`))))
  }).on('error', reject)
})

/** Everything that one page loads at a first visit, in bytes of bodies. @param {string} url */
async function weigh(url) {
  const context = await launch({ workers: false }) // the service worker fetches the prover, and what the page has loaded already
  try {
    const page = await context.newPage(), cdp = await context.newCDPSession(page)
    /** @type {Map<string, string>} */
    const urls = new Map()
    let sum = 0
    await cdp.send('Network.enable')
    cdp.on('Network.responseReceived', ({ requestId, response }) => urls.set(requestId, response.url))
    cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (!left.test(urls.get(requestId) ?? '')) sum += encodedDataLength })
    await page.goto(url, { waitUntil: 'networkidle' })
    return sum
  } finally {
    await context.close()
  }
}

/** @param {{board: string, wallet: string, issuer: string}} demo */
export async function weights({ board, wallet, issuer }) {
  let most = 0
  for (const url of [board + '/', board + '/poll', board + '/agent', board + '/bot', wallet + '/', issuer + '/enrol']) {
    const bytes = await weigh(url)
    assert.ok(bytes > 5000, url)
    console.error(`${new URL(url).hostname}${new URL(url).pathname}: ${bytes} bytes`)
    most = Math.max(most, bytes)
  }
  console.log(`BENCH page_weight_bytes ${most} bytes`)
  let widget = 0
  for (const name of ['perhuman.js', 'ask.js', 'bytes.js', 'words.js']) widget += await size(`${board}/perhuman/${name}`)
  console.log(`BENCH page_widget_gzip_bytes ${widget} bytes`)
}

/** @param {{secret: number[], issuer: string, at: string}} person @param {() => Promise<object>} question */
export async function firstProof(person, question) {
  const where = await site(new URL(person.at).origin), all = []
  try {
    for (let n = 0; n < ROUNDS; n++) {
      const context = await launch()
      try {
        const page = await context.newPage(), request = await question(), begin = performance.now()
        await page.goto(where.origin + '/first.html')
        await page.waitForFunction(() => globalThis.first)
        assert.ok((await page.evaluate(([p, r]) => globalThis.first(p, r), [person, request])).length > 500)
        all.push(performance.now() - begin)
        console.error(`first visit to first proof: ${all[n].toFixed(0)} ms`)
      } finally {
        await context.close()
      }
    }
  } finally {
    where.close()
  }
  console.log(`BENCH page_first_proof_ms ${median(all).toFixed(0)} ms`)
}
