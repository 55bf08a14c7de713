// Made-up people for the simulated iris. The same number is the same person
// each time, seen afresh by the virtual device.

export const personas = ['Amara', 'Björn', 'Chidi', 'Dalia', 'Elif', 'Farid', 'Greta', 'Hiro', 'Ines', 'Jun', 'Kofi', 'Lena']
  .map((name, i) => ({ name, number: 1001 + i }))

/** A small drawing of an iris, different for each number. Decorative. @param {number} seed */
export function iris(seed) {
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  for (const [k, v] of Object.entries({ viewBox: '-50 -50 100 100', class: 'iris', 'aria-hidden': 'true', fill: 'none', stroke: 'currentColor' })) svg.setAttribute(k, v)
  let state = seed * 2654435761 % 4294967296
  const next = () => {
    state = (state * 1664525 + 1013904223) % 4294967296
    return state / 4294967296
  }
  for (let i = 0; i < 8; i++) next() // neighbours in number should not look alike
  const spokes = 36 + Math.floor(next() * 48), petals = 3 + Math.floor(next() * 6), turn = next() * 6.28
  for (let i = 0; i < spokes; i++) {
    const angle = i / spokes * Math.PI * 2 + turn, from = 17 + next() * 4
    const to = 31 + 8 * Math.cos(petals * angle) + next() * 6
    const line = document.createElementNS(ns, 'path')
    line.setAttribute('d', `M${(from * Math.cos(angle)).toFixed(1)} ${(from * Math.sin(angle)).toFixed(1)}L${(to * Math.cos(angle)).toFixed(1)} ${(to * Math.sin(angle)).toFixed(1)}`)
    line.setAttribute('stroke-width', (1 + next() * 1.6).toFixed(1))
    svg.append(line)
  }
  for (const [r, w] of [[47, 3], [13, 0]]) {
    const ring = document.createElementNS(ns, 'circle')
    ring.setAttribute('r', String(r))
    if (w) ring.setAttribute('stroke-width', String(w))
    else ring.setAttribute('fill', 'currentColor')
    svg.append(ring)
  }
  return svg
}
