// The real binaries. `make browser` has built them once for all files: linking
// one takes longer than many a step.
import { execFileSync } from 'node:child_process'
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
