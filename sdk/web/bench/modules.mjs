// Serves ES modules out of node_modules to a browser as a bundler would pick
// them, with no bundler: import maps do not reach workers, so bare names in
// import and export statements are replaced by addresses.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url))
const conditions = ['browser', 'import', 'module', 'default']
export const PREFIX = '/npm/'

/** @param {any} exported a value of a package's "exports" @returns {string | undefined} */
function choose(exported) {
  if (typeof exported === 'string') return exported
  for (const key of Object.keys(exported ?? {})) {
    const found = conditions.includes(key) ? choose(exported[key]) : undefined
    if (found) return found
  }
}

/** The folder of a package, as seen from a file. @param {string} name @param {string} from */
function find(name, from) {
  for (let dir = dirname(from); ; dir = dirname(dir)) {
    const at = join(dir, 'node_modules', name)
    if (existsSync(join(at, 'package.json'))) return at
    if (dir === dirname(dir)) throw new Error(`${name} is not installed (wanted by ${from})`)
  }
}

/** @param {string} dir */
const manifest = (dir) => JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))

/** The file that a package offers instead in browsers. @param {string} file */
function forBrowsers(file) {
  for (let dir = dirname(file); dir.startsWith(modules.slice(0, -1)) && !dir.endsWith('node_modules'); dir = dirname(dir)) {
    if (!existsSync(join(dir, 'package.json'))) continue
    const { browser } = manifest(dir)
    const instead = typeof browser === 'object' ? browser['./' + relative(dir, file)] : undefined
    return instead ? join(dir, instead) : file
  }
  return file
}

/** @param {string} specifier @param {string} from the file that imports it */
export function resolve(specifier, from) {
  if (specifier.startsWith('.')) return forBrowsers(join(dirname(from), specifier))
  const [name, ...rest] = specifier.startsWith('@') ? [specifier.split('/').slice(0, 2).join('/'), ...specifier.split('/').slice(2)] : specifier.split('/')
  const dir = find(name, from)
  const pkg = manifest(dir)
  const path = rest.length ? './' + rest.join('/') : '.'
  const target = pkg.exports ? choose(path === '.' && !pkg.exports['.'] ? pkg.exports : pkg.exports[path]) : path === '.' ? pkg.module ?? pkg.main : path
  if (!target) throw new Error(`${specifier} is not exported (wanted by ${from})`)
  return forBrowsers(join(dir, target))
}

/** The address of what a name means in sdk/web. @param {string} specifier */
export const address = (specifier) => PREFIX + relative(modules, resolve(specifier, join(modules, '..', 'x.js')))

// Statements at the beginning of a line: what published modules have.
const statement = /^(\s*(?:import|export)\b(?:[^'"`;()]*?\bfrom)?\s*)(['"])([^'"\n]+)\2/gm

const served = (/** @type {string} */ specifier, /** @type {string} */ file) => PREFIX + relative(modules, resolve(specifier, file))

/** An old module, made into a new one. @param {string} text @param {string} file */
function fromCommonJS(text, file) {
  const needs = [...new Set([...text.matchAll(/\brequire\(['"]([^'"]+)['"]\)/g)].map((m) => m[1]))]
  const names = [...new Set([...text.matchAll(/^exports\.(\w+) *=/gm)].map((m) => m[1]))]
  return [
    ...needs.map((name, n) => `import need${n} from '${served(name, file)}'`),
    `const module = { exports: {} }, needs = { ${needs.map((name, n) => `'${name}': need${n}`).join(', ')} }`,
    `;(function (module, exports, require) {${text}\n})(module, module.exports, (name) => needs[name])`,
    'export default module.exports', `export const { ${names.join(', ')} } = module.exports`, '',
  ].join('\n')
}

/** @param {string} path below PREFIX @returns {string | undefined} the module, its imports resolved */
export function moduleText(path) {
  const file = join(modules, path)
  if (!file.startsWith(modules) || !existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8')
  if (!/^\s*(import|export)\b/m.test(text) && /\bexports\b/.test(text)) return fromCommonJS(text, file)
  return text.replace(statement, (_, before, quote, specifier) => before + quote + served(specifier, file) + quote)
}
