// What a browser's pages take, as the system counts it: of each renderer, page
// and workers together, the memory that is its own. Files that are mapped into
// it, the browser's program above all, are there once for everybody.
import { readFileSync } from 'node:fs'

/**
 * Looks, until it is stopped, at every renderer of a browser.
 * @param {import('playwright-core').Browser} browser @returns {Promise<() => Promise<number>>} ends it and gives the most that one renderer had, in bytes
 */
export async function watchMemory(browser) {
  const cdp = await browser.newBrowserCDPSession()
  let most = 0, on = true
  const look = async () => {
    while (on) {
      const { processInfo } = await cdp.send('SystemInfo.getProcessInfo')
      for (const { type, id } of processInfo) if (type === 'renderer') most = Math.max(most, own(id))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const looking = look()
  looking.catch(() => {}) // heard of below
  return async () => {
    on = false
    await looking
    await cdp.detach()
    return most
  }
}

/** @param {number} pid @returns {number} bytes; 0 if it has ended */
function own(pid) {
  try {
    return [...readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)].reduce((all, [, kB]) => all + Number(kB) * 1024, 0)
  } catch {
    return 0
  }
}
