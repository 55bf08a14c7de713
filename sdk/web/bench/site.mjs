// The origin of the measured page, on loopback: the page, our files under
// /perhuman/, node_modules under /npm/, the official artifacts.
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { address, moduleText, PREFIX } from './modules.mjs'

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))
const kinds = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html; charset=utf-8', '.zkey': 'application/octet-stream' }
const folders = { '/perhuman/': here('../'), '/artifacts/': here('../node_modules/@zk-kit/semaphore-artifacts/'), '/': here('page/') }

/** @param {string} path @returns {Buffer | string | undefined} */
function body(path) {
  if (path.startsWith(PREFIX)) return moduleText(path.slice(PREFIX.length))
  const [prefix, folder] = Object.entries(folders).find(([p]) => path.startsWith(p)) ?? ['', '']
  const file = join(folder, normalize('/' + path.slice(prefix.length)))
  if (!existsSync(file) || !kinds[extname(file)]) return undefined
  if (prefix !== '/' || extname(file) !== '.js') return readFileSync(file)
  return readFileSync(file, 'utf8').replace(/'(@semaphore-protocol\/[a-z]+)'/g, (_, name) => `'${address(name)}'`)
}

/** @param {string} issuer the origin of the issuer's files @returns {Promise<{origin: string, close: () => void}>} */
export async function site(issuer) {
  // The policy of the wallet's page, and blob: for snarkjs, whose workers have no file.
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self' ${issuer}; img-src data:; base-uri 'none'`
  const server = http.createServer((request, answer) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    const file = path === '/' ? '/index.html' : path
    let found
    try {
      found = body(file)
    } catch (e) {
      console.error(String(e))
    }
    answer.setHeader('Content-Security-Policy', policy)
    answer.writeHead(found === undefined ? 404 : 200, { 'Content-Type': kinds[extname(file)] ?? 'text/javascript' })
    answer.end(found)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    origin: `http://bench.localhost:${port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
