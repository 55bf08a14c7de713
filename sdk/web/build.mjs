// Makes the files that are served but not committed:
//   dist/        wallet.wasm (the Go wallet and prover), check.wasm (the check of posts), wasm_exec.js (Go's loader), all also as .gz;
//                the programs go through sdk/wallet/wasm/slim, which takes a tenth off the download
//   face/dist/   face-api, its weights and the tfjs wasm backend, from node_modules
//
//   node build.mjs          everything; without node_modules the face files are left out, with a notice
//   node build.mjs wasm     only dist/
//   node build.mjs face     only face/dist/; an error without node_modules
// Files that did not change are not written again, so that Go's build cache stays warm.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')

function put(path, body) {
  if (existsSync(path) && readFileSync(path).equals(body)) return false
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, body)
  return true
}

function putZipped(path, body) {
  if (put(path, body) || !existsSync(path + '.gz')) put(path + '.gz', gzipSync(body, { level: 9 }))
}

/** The programs that pages load: one proves, one checks posts. */
const programs = { 'wallet.wasm': './sdk/wallet/wasm', 'check.wasm': './sdk/wallet/wasm/check' }

/**
 * Packages of which nothing is called often: without copies of their small functions inside others, what is downloaded
 * is 19 kB less. A test of sdk/wallet/wasm holds its own build to this list.
 */
const rare = ['encoding/...', 'fmt', 'golang.org/x/mod/...', 'internal/bisect', 'internal/fmtsort', 'math/big', 'reflect', 'strconv', 'time']

function wasm() {
  mkdirSync(join(here, 'dist'), { recursive: true })
  for (const [name, source] of Object.entries(programs)) {
    const built = join(here, 'dist', name + '.new')
    execFileSync('go', ['build', '-trimpath', '-ldflags', '-s -w', ...rare.map((p) => `-gcflags=${p}=-l`), '-o', built, source], {
      cwd: root, stdio: 'inherit', env: { ...process.env, GOOS: 'js', GOARCH: 'wasm' },
    })
    execFileSync('go', ['run', './sdk/wallet/wasm/slim', built, built], { cwd: root, stdio: 'inherit' })
    const body = readFileSync(built)
    rmSync(built)
    putZipped(join(here, 'dist', name), body)
    console.log(`dist/${name} ${body.length} bytes, ${readFileSync(join(here, 'dist', name + '.gz')).length} with gzip`)
  }
  const goroot = execFileSync('go', ['env', 'GOROOT'], { cwd: root, encoding: 'utf8' }).trim()
  putZipped(join(here, 'dist', 'wasm_exec.js'), readFileSync(join(goroot, 'lib', 'wasm', 'wasm_exec.js')))
}

function face(must) {
  const modules = join(here, 'node_modules')
  if (!existsSync(join(modules, '@vladmandic', 'face-api'))) {
    if (must) throw new Error('node_modules is missing: run npm ci --ignore-scripts in sdk/web')
    console.log('node_modules is missing: no camera models; the enrolment page offers the simulated iris only')
    return
  }
  const api = join(modules, '@vladmandic', 'face-api')
  const out = join(here, 'face', 'dist')
  putZipped(join(out, 'face-api.esm.js'), withoutMap(readFileSync(join(api, 'dist', 'face-api.esm.js'))))
  for (const model of ['ssd_mobilenetv1_model', 'face_landmark_68_model', 'face_recognition_model']) {
    for (const name of [`${model}-weights_manifest.json`, `${model}.bin`]) put(join(out, name), readFileSync(join(api, 'model', name)))
  }
  for (const name of ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm']) {
    putZipped(join(out, name), readFileSync(join(modules, '@tensorflow', 'tfjs-backend-wasm', 'wasm-out', name)))
  }
  console.log('face/dist: library, 3 models, wasm backend')
}

// The map file is not served; a reference to it would be a failed request.
function withoutMap(body) {
  return Buffer.from(body.toString('utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))
}

const what = process.argv[2] ?? 'all'
if (!['all', 'wasm', 'face'].includes(what)) throw new Error('build.mjs [wasm|face]')
if (what !== 'face') wasm()
if (what !== 'wasm') face(what === 'face')
