// Limits that pages and tests share.

/** How old a set may be to prove under, in seconds: what the engine holds it to. */
export const longest = 50 * 60
