// Starts the real demo binary on a free port with data of its own.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binary } from './binaries.mjs'
import { call } from './local.mjs'
import { until } from './steps.mjs'

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
  const command = binary('demo', dir)
  const port = await freePort()
  let said = ''
  /** @param {string[]} more */
  const run = async (more) => {
    const child = spawn(command, ['-var', join(dir, 'var'), '-port', String(port), ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
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
      return until('the crowd comes together', async () => {
        const { json } = await call(`http://issuer.localhost:${port}/demo/crowd`)
        return json?.synthetic > 0 && json.synthetic === json.goal && json.people
      })
    },
    /** Closes the poll and opens the next, over the people that the issuer's newest head names. @returns {Promise<void>} */
    async nextPoll() {
      const board = `http://agora.localhost:${port}`
      const next = () => call(board + '/api/poll/next', { body: {}, headers: { Origin: board } })
      const state = async () => (await call(board + '/api/poll')).json?.poll
      const before = await until('a poll is open', async () => { const p = await state(); return p && !p.closed && p })
      await next() // closes it
      // Opened once the board has read the head; until then it says so.
      await until('the next poll is open', async () => { await next(); return (await state()).number > before.number })
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
