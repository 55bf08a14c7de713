// Screenshots of each page, light and dark, at 360 and 1280 px, with axe-core
// and a check of widths at each. They go to a temporary folder, or with
// PERHUMAN_SCREENSHOTS=1 to docs/screenshots. No picture shows a camera's image.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertAccessible, assertFits } from './chromium.mjs'

const kept = Boolean(process.env.PERHUMAN_SCREENSHOTS)
export const folder = kept ? fileURLToPath(new URL('../../../../docs/screenshots/', import.meta.url)) : mkdtempSync(join(tmpdir(), 'perhuman-screenshots-'))

/** Flat pages need no more than a palette: a quarter of the bytes. @param {string} path */
function shrink(path) {
  const out = path + '.small.png'
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', path, '-vf', 'split[a][b];[a]palettegen=max_colors=128:stats_mode=single[p];[b][p]paletteuse=dither=none', '-frames:v', '1', out])
  renameSync(out, path)
}

/**
 * @param {import('playwright-core').Page} page @param {string} name
 * @param {{fullPage?: boolean, brief?: boolean}} [options] brief: wide and light, narrow and dark, unless the pictures are kept
 */
export async function picture(page, name, { fullPage = true, brief = false } = {}) {
  mkdirSync(folder, { recursive: true })
  const size = page.viewportSize()
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 860 })
    for (const colorScheme of ['light', 'dark']) {
      if (brief && !kept && (width === 360) !== (colorScheme === 'dark')) continue
      await page.emulateMedia({ colorScheme })
      await assertFits(page, `${name} ${width}`)
      const path = join(folder, `${name}-${width}-${colorScheme}.png`)
      await page.screenshot({ path, fullPage, animations: 'disabled', mask: [page.locator('video')], maskColor: '#808880' })
      if (kept) shrink(path)
      if (width === 360 || colorScheme === 'light') await assertAccessible(page, `${name} ${colorScheme} ${width}`)
    }
  }
  await page.emulateMedia({ colorScheme: null })
  if (size) await page.setViewportSize(size)
}
