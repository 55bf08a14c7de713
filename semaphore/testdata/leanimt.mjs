// Plays operation sequences with @zk-kit/lean-imt over Poseidon: reads
// [[{op, ...}, ...], ...] from standard input and writes, for each sequence,
// the root after each step and, at the end, the paths of all leaves: as the
// package gives them, and with the sibling of every level from its export, null
// where there is none. Run in a folder with node_modules.
import { readFileSync } from 'node:fs'
import { LeanIMT } from '@zk-kit/lean-imt'
import { poseidon2 } from 'poseidon-lite/poseidon2'

const answers = JSON.parse(readFileSync(0, 'utf8')).map((steps) => {
  const tree = new LeanIMT((a, b) => poseidon2([a, b]))
  const roots = steps.map(({ op, position, positions, members }) => {
    const values = members.map(BigInt)
    if (op === 'add') tree.insert(values[0])
    else if (op === 'addMany') tree.insertMany(values)
    else if (op === 'update') tree.update(position, values[0])
    else tree.updateMany(positions, values)
    return String(tree.root)
  })
  const levels = JSON.parse(tree.export()).slice(0, -1)
  const paths = tree.leaves.map((_, i) => {
    const { index, siblings } = tree.generateProof(i)
    const plain = levels.map((nodes, level) => nodes[(i >> level) ^ 1] ?? null)
    return { index, siblings: siblings.map(String), plain }
  })
  return { roots, depth: tree.depth, paths }
})
process.stdout.write(JSON.stringify(answers))
