#!/usr/bin/env node
// Our figures beside those of the best tools of their kind, taken in turn.
//   npm run bench:peers                        ceilings against likwid-bench: peers/likwid.mjs (ten minutes)
//   npm run bench:peers -- gemm                matrix products against OpenBLAS and oneDNN: peers-gemm.mjs
//   npm run bench:peers -- gemm-steps          what each step from the register tile to the whole product costs
//   npm run bench:peers -- ort                 kernels against ONNX Runtime: peers/ort.mjs
//   npm run bench:peers -- --turns 5 --seconds 0.4 --only L1 --limit 300 --json FILE
import {readFlags, refuse} from './flags.mjs'

const peers = {gemm: './peers-gemm.mjs', 'gemm-steps': './peers/gemm-steps.mjs', ort: './peers/ort.mjs'}
const [what] = process.argv.slice(2)
if (what === '--help' || what === '-h') readFlags(import.meta.url)
if (what !== undefined && !what.startsWith('-') && !Object.hasOwn(peers, what))
  refuse(`There is no peer '${what}'; there are ${Object.keys(peers).join(', ')}, and likwid-bench without a name`)
await import(peers[what] ?? './peers/likwid.mjs')
process.exit()
