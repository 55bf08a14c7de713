// Issuers and witnesses as processes of the real binary, each with a folder of
// its own, behind one port that knows who answers for which name: so a test can
// let another process answer, one that holds the same key and another history.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binary } from './binaries.mjs'
import { call } from './local.mjs'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** Starts a command and waits until it says where it is. @param {string[]} command @param {RegExp} said @returns {Promise<{found: string, stop: () => Promise<void>}>} */
export function running([name, ...args], said) {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = new Promise((resolve) => child.on('exit', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    await gone
  }
  return new Promise((resolve, reject) => {
    let text = ''
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`${name} ${args[0]} ended with ${code}: ${text}`)))
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (d) => {
        text += d
        const found = said.exec(text)?.[1]
        if (found) resolve({ found, stop })
      })
    }
  })
}

/** @param {number} n */
const uint32 = (n) => Buffer.from(Uint32Array.of(n).buffer).swap32()

/** A place where issuers run. */
export async function grounds() {
  const dir = mkdtempSync(join(tmpdir(), 'perhuman-issuers-'))
  const perhuman = binary('perhuman', dir)
  const say = (/** @type {string[]} */ ...args) => execFileSync(perhuman, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  /** Who answers for a name: a port. @type {Map<string, number>} */
  const answers = new Map()
  /** @type {Set<() => Promise<void>>} */
  const stops = new Set()
  /** Whose answers are changed on the way: the last bit of every one below a path. @type {Map<string, {below: string, times: number}>} */
  const spoils = new Map()
  const front = http.createServer((request, answer) => {
    const host = String(request.headers.host), port = answers.get(host), spoil = spoils.get(host)
    const spoilt = spoil && request.url?.startsWith(spoil.below)
    const headers = spoilt ? { ...request.headers, 'accept-encoding': 'identity' } : request.headers
    const onward = http.request({ host: '127.0.0.1', port: port ?? 1, path: request.url, method: request.method, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers)
      if (!spoilt) {
        got.pipe(answer)
        return
      }
      /** @type {Buffer[]} */
      const parts = []
      got.on('data', (d) => parts.push(d)).on('end', () => {
        const body = Buffer.concat(parts)
        body[body.length - 1] ^= 1
        spoil.times++
        answer.end(body)
      })
    })
    onward.on('error', () => answer.destroy()) // as from a machine that is off
    request.pipe(onward)
  })
  await new Promise((resolve) => front.listen(0, '127.0.0.1', () => resolve(undefined)))
  const port = /** @type {import('node:net').AddressInfo} */ (front.address()).port

  // What all of them share, because nothing here depends on it.
  const keys = join(dir, 'keys'), consent = join(dir, 'consent')
  const sealed = /captures are sealed to (\S+)/.exec(say('issuer', 'keygen', '-dir', keys, 'nobody.localhost'))?.[1] ?? ''
  const text = Buffer.from('Nobody is captured here, but by a made-up device.\n')
  writeFileSync(consent, text)
  const consentHash = createHash('sha256').update(Buffer.concat([Buffer.from('perhuman/consent/1\0\x02en'), uint32(text.length), text])).digest('base64url')
  const root = /[\w-]{43}$/.exec(say('capture', 'keygen', join(dir, 'device')))?.[0]

  /** Keeps what is to be stopped. @param {string[]} command @param {RegExp} said */
  const run = async (command, said) => {
    const one = await running([perhuman, ...command], said)
    const stop = async () => {
      stops.delete(stop)
      await one.stop()
    }
    stops.add(stop)
    return { found: one.found, stop }
  }

  return {
    dir, say,
    /** What a virtual device is told of these issuers. */
    device: { root: join(dir, 'device'), to: sealed, consent: consentHash },
    /** A key pair of an issuer that nobody runs. @param {string} name */
    vkey: (name) => say('issuer', 'keygen', '-out', join(dir, `${name}.key`), `${name}.localhost:${port}`),

    /** Makes an issuer and takes members over; it does not run yet. @param {string} name @param {string[]} members their commitments */
    issuer(name, members) {
      const host = `${name}.localhost:${port}`, key = join(dir, `${name}.key`)
      const vkey = say('issuer', 'keygen', '-out', key, host)
      let imports = 0, signing = ['-key', key]
      const flags = (/** @type {string} */ history) => [...signing, '-sealing', join(keys, 'sealing.key'), '-matcher-key', join(keys, 'matcher.key'), '-db', join(dir, name, history, 'db'),
        '-virtual', '-device-root', `virtual=${root}`, '-consent', consent, '-origin', `http://${host}`, '-snapshot', 'none', '-gallery-cache', 'none']
      const one = {
        vkey, at: `http://${host}`,
        /** At 127.0.0.1, once it runs: for processes, which do not know names under .localhost. */
        direct: '',
        /** Signs from the next start with a new key, and with the old one beside it. @returns the new verifier key */
        rotate() {
          const next = join(dir, `${name}-next.key`)
          const [line] = say('issuer', 'rotate', '-key', key, '-out', next).split('\n')
          signing = ['-key', next, '-old-key', key]
          return line
        },
        /** Signs from the next start with the new key alone. */
        retire() { signing = signing.slice(0, 2) },
        /** From now on changes what it answers below a path. @param {string} below @returns {() => number} how often it did; ends it */
        spoil(below) {
          const one = { below, times: 0 }
          spoils.set(host, one)
          return () => {
            spoils.delete(host)
            return one.times
          }
        },
        /** Takes more members over; the issuer must stand still. @param {string[]} members @param {string} [history] */
        grow(members, history = 'first') {
          mkdirSync(join(dir, name, history), { recursive: true })
          const from = join(dir, name, `import-${++imports}`)
          writeFileSync(from, members.join('\n'))
          say('issuer', 'import', ...flags(history), '-from', from, '-label', `import-${imports}`)
        },
        /** Copies a folder, as only somebody who holds the key can use it. @param {string} to @param {string} [from] */
        copy: (to, from = 'first') => cpSync(join(dir, name, from), join(dir, name, to), { recursive: true }),
        /** Starts a process over a folder; from now on it answers. @param {string} [history] @param {string[]} more */
        async serve(history = 'first', ...more) {
          const { found, stop } = await run(['issuer', 'serve', '-addr', '127.0.0.1:0', ...flags(history), ...more], /on {4}http:\/\/127\.0\.0\.1:(\d+)/)
          answers.set(host, Number(found))
          one.direct = `http://127.0.0.1:${found}`
          one.stop = stop
        },
        stop: async () => {},
      }
      one.grow(members)
      return one
    },

    /** Makes a witness. @param {string} name */
    witness(name) {
      const key = join(dir, `${name}.key`), vkey = say('witness', 'keygen', '-out', key, `${name}.localhost/w`)
      return {
        vkey,
        /** @param {string[]} logs verifier keys @returns {Promise<{at: string, stop: () => Promise<void>}>} at: as issuers name it */
        async serve(...logs) {
          const { found, stop } = await run(['witness', '-addr', '127.0.0.1:0', '-key', key, '-state', join(dir, name), ...logs.flatMap((log) => ['-log', log])], /on {4}(http:\S+)\/add-checkpoint/)
          return { at: `${vkey}@${found}`, stop }
        },
      }
    },

    async stop() {
      await Promise.all([...stops].map((stop) => stop()))
      front.closeAllConnections()
      await new Promise((resolve) => front.close(resolve))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/**
 * Starts the wallet's origin and that of a relying party (see asking.go).
 * @param {Awaited<ReturnType<typeof grounds>>} place @param {string[]} issuers VKEY,URL[,WITNESS] @param {string[]} foreign keys of issuers that the wallet does not know
 * @param {number} [port] where it was before; the origins hold it
 */
export async function asking(place, issuers, foreign, port = 0) {
  const path = join(place.dir, 'asking')
  execFileSync('go', ['build', '-o', path, './sdk/web/test/support/asking.go'], { cwd: root, stdio: 'inherit' })
  const { found, stop } = await running([path, '-port', String(port), ...foreign.flatMap((one) => ['-foreign', one]), ...issuers.flatMap((one) => ['-issuer', one])], /on (\d+)/)
  const at = (/** @type {string} */ name) => `http://${name}.localhost:${found}`
  return {
    port: Number(found), app: at('app'), wallet: at('wallet'), evil: at('evil'), stop,
    /** Sets the relying party's clock. @param {number} ahead seconds */
    clock: (ahead) => call(`${at('app')}/clock?ahead=${ahead}`, { method: 'POST' }),
  }
}
