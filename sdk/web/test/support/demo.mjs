// Starts the real demo binary on a free port with data of its own.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { call } from './local.mjs'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** @param {number} port @param {string} host */
function alive(port, host) {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', headers: { Host: `${host}.localhost:${port}` } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    request.on('error', () => resolve(false))
    request.setTimeout(1000, () => request.destroy())
  })
}

/** @param {string[]} [args] further arguments of the command */
export async function start(...args) {
  const dir = mkdtempSync(join(tmpdir(), 'perhuman-'))
  // `make browser` has built it once for all files; linking it takes longer than many a step.
  const binary = process.env.PERHUMAN_DEMO ?? join(dir, 'demo')
  if (!process.env.PERHUMAN_DEMO) execFileSync('go', ['build', '-o', binary, './demo'], { cwd: root, stdio: 'inherit' })
  const port = await freePort()
  let said = ''
  /** @param {string[]} more */
  const run = async (more) => {
    const child = spawn(binary, ['-var', join(dir, 'var'), '-port', String(port), ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { said += d })
    const gone = new Promise((resolve) => child.on('exit', resolve))
    const end = Date.now() + 60_000
    while (!await alive(port, 'agora')) {
      if (child.exitCode !== null || Date.now() > end) {
        child.kill('SIGKILL')
        throw new Error(`the demo did not start: ${said}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return async () => {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await gone
      clearTimeout(late)
    }
  }
  let halt = await run(args).catch((err) => {
    rmSync(dir, { recursive: true, force: true })
    throw err
  })
  return {
    port, dir: join(dir, 'var'), board: `http://agora.localhost:${port}`, wallet: `http://wallet.localhost:${port}`, issuer: `http://issuer.localhost:${port}`,
    said: () => said,
    /** Stops the process and starts it again over the same data. @param {string[]} more */
    async restart(...more) {
      await halt()
      halt = await run(more)
    },
    /** Waits until all of the synthetic crowd is in the set. @returns {Promise<number>} how many people there are */
    async crowd() {
      for (const end = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
        const { json } = await call(`http://issuer.localhost:${port}/demo/crowd`)
        if (json?.synthetic > 0 && json.synthetic === json.goal) return json.people
        if (Date.now() > end) throw new Error(`the crowd does not come together: ${JSON.stringify(json)}`)
      }
    },
    /** Ends the server and starts it again, on the same port with the same data. */
    down: () => halt(),
    up: async () => { halt = await run(args) },
    async stop() {
      await halt()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
