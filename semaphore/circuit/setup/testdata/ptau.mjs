// Makes a powers-of-tau file with snarkjs: a new accumulator and one
// contribution. Arguments: a folder next to node_modules, the power, the file.
// Prints one JSON object: what snarkjs says of the file, its size and BLAKE2b.
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { curve, exit, snarkjs } from "./snarkjs.mjs"

const [, , , power, out] = process.argv
const tau = snarkjs.powersOfTau
await tau.newAccumulator(curve, Number(power), out + ".0")
await tau.contribute(out + ".0", out, "a test", "entropy of a test")
const verified = process.argv[5] === "verify" ? await tau.verify(out) : null
exit({ verified, blake2b: createHash("blake2b512").update(readFileSync(out)).digest("hex") })
