// The official Solidity verifier as a peer: compiles SemaphoreVerifier.sol of
// @semaphore-protocol/contracts, deploys it into an EVM in this process and
// puts each line of standard input to its verifyProof. A line is the call's 13
// words in hex; the answer is a line "true", "false" or "reverted".
import { createEVM } from '@ethereumjs/evm'
import solc from 'solc'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const folder = dirname(createRequire(join(process.cwd(), 'package.json')).resolve('@semaphore-protocol/contracts/package.json'))
const sources = Object.fromEntries(['SemaphoreVerifier', 'SemaphoreVerifierKeyPts', 'Constants']
  .map((name) => [`base/${name}.sol`, { content: readFileSync(join(folder, 'base', `${name}.sol`), 'utf8') }]))
const compiled = JSON.parse(solc.compile(JSON.stringify({
  language: 'Solidity',
  sources,
  settings: { evmVersion: 'paris', optimizer: { enabled: true }, outputSelection: { '*': { SemaphoreVerifier: ['evm.bytecode.object', 'evm.methodIdentifiers'] } } },
})))
const faults = (compiled.errors ?? []).filter((e) => e.severity === 'error')
if (faults.length) throw new Error(faults.map((e) => e.formattedMessage).join('\n'))
const { bytecode, methodIdentifiers } = compiled.contracts['base/SemaphoreVerifier.sol'].SemaphoreVerifier.evm
const selector = methodIdentifiers['verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[4],uint256)']

const hex = (text) => new Uint8Array(Buffer.from(text, 'hex'))
const evm = await createEVM()
const gasLimit = 30_000_000n
const deployed = await evm.runCall({ data: hex(bytecode.object), gasLimit })
if (deployed.execResult.exceptionError) throw deployed.execResult.exceptionError
const to = deployed.createdAddress

for await (const line of createInterface({ input: process.stdin })) {
  const { exceptionError, returnValue } = (await evm.runCall({ to, data: hex(selector + line), gasLimit })).execResult
  if (exceptionError && exceptionError.error !== 'revert') throw exceptionError
  const word = Buffer.from(returnValue).toString('hex')
  if (!exceptionError && !/^0{63}[01]$/.test(word)) throw new Error(`no boolean: ${word}`)
  console.log(exceptionError ? 'reverted' : word.endsWith('1') ? 'true' : 'false')
}
