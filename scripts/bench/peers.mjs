#!/usr/bin/env node
// Our figures beside those of the best tools of their kind, taken in turn.
//   npm run bench:peers                        ceilings against likwid-bench: peers/likwid.mjs (five minutes and more)
//   npm run bench:peers -- gemm                matrix products against OpenBLAS and oneDNN: peers-gemm.mjs
//   npm run bench:peers -- gemm-steps          what each step from the register tile to the whole product costs
//   npm run bench:peers -- ort                 kernels against ONNX Runtime: peers/ort.mjs
//   npm run bench:peers -- --turns 5 --seconds 0.4 --only L1 --more 20 --json FILE
const [what] = process.argv.slice(2)
if (what === 'gemm') await import('./peers-gemm.mjs')
else if (what === 'gemm-steps') await import('./peers/gemm-steps.mjs')
else if (what === 'ort') await import('./peers/ort.mjs')
else await import('./peers/likwid.mjs')
process.exit()
