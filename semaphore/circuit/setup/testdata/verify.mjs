// Verifies Groth16 proofs with snarkjs. Reads {vk, cases: [{public, proof}]}
// from standard input, writes the list of verdicts.
import { readFileSync } from "node:fs"
import { exit, snarkjs } from "./snarkjs.mjs"

const { vk, cases } = JSON.parse(readFileSync(0, "utf8"))
const verdicts = []
for (const c of cases) verdicts.push(await snarkjs.groth16.verify(vk, c.public, c.proof))
exit(verdicts)
