// What a page must be at every width and in every theme: nothing wider than the
// window, no violation found by axe-core. Each page is looked at wide and light,
// and narrow and dark; with PERHUMAN_LONG=1 in all four. With
// PERHUMAN_SCREENSHOTS=1 (`make screenshots`) the stories are played for their
// pictures alone: those of `shown` are kept in docs/screenshots, in all four,
// and nothing is checked. No picture shows a camera's image.
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertAccessible, assertFits } from './chromium.mjs'

const kept = Boolean(process.env.PERHUMAN_SCREENSHOTS)
const folder = fileURLToPath(new URL('../../../../docs/screenshots/', import.meta.url))

/** The pages whose pictures are kept: enough to see by eye what a change of style has done. */
const shown = new Set([
  'board', 'board-checked', 'poll-counted', 'bot-lab', 'handover-phone',
  'issuer-consent', 'issuer-iris', 'wallet-welcome', 'wallet-member', 'wallet-asked', 'wallet-phished', 'wallet-alarm', 'manual',
])
const combinations = kept || process.env.PERHUMAN_LONG
  ? /** @type {const} */ ([[1280, 'light'], [1280, 'dark'], [360, 'light'], [360, 'dark']])
  : /** @type {const} */ ([[1280, 'light'], [360, 'dark']])

/** Flat pages need no more than a palette: a quarter of the bytes. @param {string} path */
function shrink(path) {
  const out = path + '.small.png'
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', path, '-vf', 'split[a][b];[a]palettegen=max_colors=128:stats_mode=single[p];[b][p]paletteuse=dither=none', '-frames:v', '1', out])
  renameSync(out, path)
}

/**
 * @param {import('playwright-core').Page} page @param {string} name
 * @param {{fullPage?: boolean}} [options] fullPage: of the picture, where one is kept
 */
export async function picture(page, name, { fullPage = true } = {}) {
  if (kept && !shown.has(name)) return
  const size = page.viewportSize()
  for (const [width, colorScheme] of combinations) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 860 })
    await page.emulateMedia({ colorScheme })
    if (kept) {
      mkdirSync(folder, { recursive: true })
      await page.evaluate(() => scrollTo(0, 0)) // what is sticky stands where it began
      const path = join(folder, `${name}-${width}-${colorScheme}.png`)
      await page.screenshot({ path, fullPage, animations: 'disabled', mask: [page.locator('video')], maskColor: '#808880' })
      shrink(path)
      continue
    }
    await assertFits(page, `${name} ${width}`)
    await assertAccessible(page, `${name} ${colorScheme} ${width}`)
  }
  await page.emulateMedia({ colorScheme: null })
  if (size) await page.setViewportSize(size)
}
