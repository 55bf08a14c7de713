// Reads the issuers' sets in the background, at random times: so the time of a
// reading says nothing about what the person does, and a set is young enough to
// prove under when a site asks. Nothing here follows a request.
//
// Clock, timers and randomness come as parameters, so that a test plays days.

/**
 * @typedef {object} World
 * @property {() => number} random uniform in [0, 1)
 * @property {(work: () => void, ms: number) => number} after
 * @property {(timer: number) => void} stop
 */

/** The pause between two readings, in milliseconds: at the most a third of how old a set may be to prove under. */
export const pause = { least: 4 * 60_000, most: 16 * 60_000 }
/** When the first one is, and one that the browser asks for. */
export const soon = { least: 0, most: 90_000 }

/** @type {World} */
const real = {
  random: () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32,
  after: (work, ms) => window.setTimeout(work, ms),
  stop: (timer) => clearTimeout(timer),
}

/** @param {World} world @param {{least: number, most: number}} bounds */
export const draw = ({ random }, { least, most }) => least + random() * (most - least)

/** One schedule for each issuer, independent of the others: two that are read together would be known to have one reader. */
export class Refresher {
  /** @type {Map<string, number>} */
  #timers = new Map()
  #read
  #world

  /** @param {(issuer: string) => Promise<unknown>} read its failures are its own business @param {World} [world] */
  constructor(read, world = real) {
    this.#read = read
    this.#world = world
  }

  /** @param {string[]} issuers */
  start(issuers) {
    for (const issuer of issuers) if (!this.#timers.has(issuer)) this.#plan(issuer, pause)
  }

  /** Brings the next reading of each forward, to a time that is random too. */
  hurry() {
    for (const issuer of [...this.#timers.keys()]) this.#plan(issuer, soon)
  }

  stop() {
    for (const timer of this.#timers.values()) this.#world.stop(timer)
    this.#timers.clear()
  }

  /** @param {string} issuer @param {{least: number, most: number}} bounds */
  #plan(issuer, bounds) {
    const planned = this.#timers.get(issuer)
    if (planned !== undefined) this.#world.stop(planned)
    this.#timers.set(issuer, this.#world.after(async () => {
      this.#plan(issuer, pause) // before the reading: how long it takes does not show in the next
      await this.#read(issuer).catch(() => {})
    }, draw(this.#world, bounds)))
  }
}
