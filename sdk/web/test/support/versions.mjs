// The wallet's host moves on to a new version while its pages are open: a server
// between the browser and the demo that passes everything on, and stamps what it
// passes on as of another version.
import { createHash } from 'node:crypto'
import http from 'node:http'

/** @param {string | Buffer} bytes as in the service worker's list */
const sum = (bytes) => createHash('sha256').update(bytes).digest('base64url')

/**
 * @param {number} port the demo's @param {string} host whose pages are stamped
 * @returns {Promise<{rule: string, deploy(): string, close(): Promise<void>}>} rule: for Chromium's resolver; deploy: a further version from now on
 */
export async function versions(port, host) {
  const name = `${host}:${port}`
  let number = 0, first = ''
  const ask = (/** @type {http.IncomingMessage} */ { method, url, headers }) => http.request({ host: '127.0.0.1', port, method, path: url, headers })
  /** A file of the demo's as it is. @param {string} path @returns {Promise<{headers: http.IncomingHttpHeaders, text: string}>} */
  const original = (path) => new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, headers: { Host: name } }, async (answer) => {
      let text = ''
      for await (const part of answer.setEncoding('utf8')) text += part
      resolve({ headers: answer.headers, text })
    })
    request.on('error', reject)
  })
  const stamped = (/** @type {string} */ page) => page.replace(/data-version="([^"]+)"/, (_, version) => `data-version="${version}.${number}"`)
  const server = http.createServer(async (request, answer) => {
    const fail = () => answer.destroy()
    if (request.headers.host === name && request.method === 'GET' && number > 0 && /^\/(sw\.js|(\?.*)?)$/.test(request.url ?? '')) {
      try {
        const page = await original('/')
        const { headers, text } = request.url === '/sw.js' ? await original('/sw.js') : page
        const body = request.url !== '/sw.js' ? stamped(text) : text.replace(`perhumanVersion = "${first}"`, `perhumanVersion = "${first}.${number}"`).replace(sum(page.text), sum(stamped(page.text)))
        for (const header of ['etag', 'content-length', 'content-encoding']) delete headers[header]
        answer.writeHead(200, headers).end(body)
      } catch {
        fail()
      }
      return
    }
    const onward = ask(request)
    onward.on('response', (from) => {
      answer.writeHead(from.statusCode ?? 500, from.headers)
      from.pipe(answer)
      from.on('error', fail)
    })
    onward.on('error', fail)
    request.on('error', () => onward.destroy())
    request.pipe(onward)
  })
  first = /perhumanVersion = "([^"]+)"/.exec((await original('/sw.js')).text)?.[1] ?? ''
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port: own } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    rule: `MAP ${name} 127.0.0.1:${own}`,
    deploy: () => `${first}.${++number}`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}
