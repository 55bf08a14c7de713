// A small site for tests of the widget: serves sdk/web under /perhuman/ with
// the policy of the real pages, on every name under .localhost.
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const kinds = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8' }
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/**
 * @typedef {{type: string, body: string, status?: number, headers?: Record<string, string>}} Answer
 * @param {Record<string, (request: http.IncomingMessage, body: string) => Answer | Promise<Answer>>} routes "host /path" -> answer
 * @param {{loose?: boolean}} [options] loose: as a site that never heard of our policy, and a verifier that serves the widget to it
 * @returns {Promise<{port: number, close: () => Promise<void>}>}
 */
export async function serve(routes, { loose = false } = {}) {
  const server = http.createServer((request, answer) => {
    let body = ''
    request.on('data', (d) => { body += d })
    request.on('end', async () => {
      const host = (request.headers.host ?? '').split('.')[0]
      const path = new URL(request.url ?? '/', 'http://x.localhost').pathname
      if (!loose) answer.setHeader('Content-Security-Policy', policy)
      else if (host === 'verifier') answer.setHeader('Access-Control-Allow-Origin', '*')
      answer.setHeader('Cache-Control', 'no-store')
      const route = routes[`${host} ${path}`]
      if (route) {
        const made = await route(request, body)
        answer.writeHead(made.status ?? 200, { 'Content-Type': made.type, ...made.headers })
        answer.end(made.body)
        return
      }
      const vendors = /^\/(turnstile\/v0\/api|1\/api|recaptcha\/(api|enterprise))\.js$/.test(path)
      const file = join(root, vendors ? 'captcha.js' : normalize(path.replace(/^\/perhuman\//, '/')))
      if ((vendors || path.startsWith('/perhuman/')) && kinds[extname(file)] && existsSync(file)) {
        answer.writeHead(200, { 'Content-Type': kinds[extname(file)] })
        answer.end(readFileSync(file))
        return
      }
      answer.writeHead(path === '/favicon.ico' ? 204 : 404)
      answer.end()
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: server.address().port,
    close: () => new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    }),
  }
}
