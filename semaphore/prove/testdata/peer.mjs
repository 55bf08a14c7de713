// Runs the official @semaphore-protocol packages: verifies the proofs it is
// given and makes one of its own. Reads one JSON object from standard input,
// writes one to standard output. Artifacts are local files: nothing is fetched.
import { createRequire } from "node:module"
import { readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { join } from "node:path"

globalThis.fetch = () => {
    throw new Error("the network is not for this test")
}
const require = createRequire(join(process.argv[2], "package.json"))
const load = (name) => import(pathToFileURL(require.resolve(name)).href)
const { verifyProof, generateProof } = await load("@semaphore-protocol/proof")
const { Identity } = await load("@semaphore-protocol/identity")
const { Group } = await load("@semaphore-protocol/group")

const input = JSON.parse(readFileSync(0, "utf8"))
const verdicts = []
for (const proof of input.proofs) verdicts.push(await verifyProof(proof))

const { key, members, position, message, scope, depth, wasm, zkey } = input.make
const identity = new Identity(key)
const group = new Group(members.map(BigInt))
if (group.indexOf(identity.commitment) !== position) throw new Error("commitments differ")
const proof = await generateProof(identity, group.generateMerkleProof(position), message, scope, depth, { wasm, zkey })
process.stdout.write(JSON.stringify({ verdicts, proof }), () => process.exit(0))
