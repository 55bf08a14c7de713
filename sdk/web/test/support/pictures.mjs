// Screenshots of each page, light and dark, at 360 and 1280 px, with axe-core
// and a check of widths at each. They go to a temporary folder, or with
// PERHUMAN_SCREENSHOTS=1 to docs/screenshots. No picture shows a camera's image.
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertAccessible, assertFits } from './chromium.mjs'

export const folder = process.env.PERHUMAN_SCREENSHOTS ? fileURLToPath(new URL('../../../../docs/screenshots/', import.meta.url)) : mkdtempSync(join(tmpdir(), 'perhuman-screenshots-'))

/** @param {import('playwright-core').Page} page @param {string} name */
export async function picture(page, name, { fullPage = true } = {}) {
  mkdirSync(folder, { recursive: true })
  const size = page.viewportSize()
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 860 })
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await assertFits(page, `${name} ${width}`)
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage, animations: 'disabled', mask: [page.locator('video')], maskColor: '#808880' })
      if (width === 360 || colorScheme === 'light') await assertAccessible(page, `${name} ${colorScheme} ${width}`)
    }
  }
  await page.emulateMedia({ colorScheme: null })
  if (size) await page.setViewportSize(size)
}
