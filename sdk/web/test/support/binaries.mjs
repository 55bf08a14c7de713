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

/** A network of its own, without even a loopback, where this machine gives one away. */
const apart = spawnSync('unshare', ['-rn', 'true']).status === 0 ? ['unshare', '-rn'] : []

/** Runs a command that needs no network, without one. @param {string[]} command @returns {{status: number | null, out: string}} */
export function offline(command) {
  const [first, ...rest] = [...apart, ...command]
  const { status, stdout, stderr } = spawnSync(first, rest, { encoding: 'utf8' })
  return { status, out: stdout + stderr }
}
