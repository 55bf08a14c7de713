// The real binaries. `make browser` has built them once for all files: linking
// one takes longer than many a step.
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const packages = { demo: './demo', perhuman: './sdk/cmd/perhuman' }

/** @param {keyof typeof packages} name @param {string} dir where it is built, if it is not there @returns {string} its path */
export function binary(name, dir) {
  if (process.env.PERHUMAN_BIN) return join(process.env.PERHUMAN_BIN, name)
  const path = join(dir, name)
  execFileSync('go', ['build', '-o', path, packages[name]], { cwd: root, stdio: 'inherit' })
  return path
}

/** Ways to run a command without a network: in one of its own that has not even a loopback up; or with no socket ever opened. */
const ways = [['unshare', '-rn'], ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=socket:error=EACCES']]
const under = (/** @type {string[]} */ way, /** @type {string[]} */ ...command) => spawnSync(way[0], [...way.slice(1), ...command], { encoding: 'utf8' })
const cuts = (/** @type {string[]} */ way) => under(way, 'true').status === 0 && under(way, 'bash', '-c', 'exec 3<>/dev/udp/127.0.0.1/9').status !== 0

/** Runs a command that needs no network, without one. @param {string[]} command @returns {{status: number | null, out: string}} */
export function offline(command) {
  const way = ways.find(cuts)
  if (!way) throw new Error('nothing here takes a network from a command: neither unshare nor strace works')
  const { status, stdout, stderr } = under(way, ...command)
  return { status, out: stdout + stderr }
}
