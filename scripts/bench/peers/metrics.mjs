// What is compared with likwid-bench: the same working set, the same bytes counted (payload), likwid's best width and ours.
import {freemem} from 'node:os'

const KiB = 1024
const MiB = 1024 * KiB
const peaks = [
  {name: 'f32 AVX-512 FMA', isa: 'avx512', ours: 'fma-f32', likwid: 'peakflops_sp_avx512_fma', bytes: 4, flops: 30},
  {name: 'f64 AVX-512 FMA', isa: 'avx512', ours: 'fma-f64', likwid: 'peakflops_avx512_fma', bytes: 8, flops: 30},
  {name: 'f32 AVX2 FMA', isa: 'avx2', ours: 'fma-f32', likwid: 'peakflops_sp_avx_fma', bytes: 4, flops: 30},
  {name: 'f64 AVX2 FMA', isa: 'avx2', ours: 'fma-f64', likwid: 'peakflops_avx_fma', bytes: 8, flops: 30},
  {name: 'f32 128 bit', isa: 'sse', ours: 'fma-f32', likwid: 'peakflops_sp_sse', bytes: 4, flops: 30},
  {name: 'f64 128 bit', isa: 'sse', ours: 'fma-f64', likwid: 'peakflops_sse', bytes: 8, flops: 30},
]
const mixes = [
  {mix: 'read', likwid: 'load'},
  {mix: 'write', likwid: 'store'},
  {mix: 'copy', likwid: 'copy'},
  {mix: 'update', likwid: 'update'},
  {mix: 'triad', likwid: 'stream', fma: true},
]

/** Memory of each thread that our probes of the caches use: up to 32 places for a set of 512 KiB (native/core/places.h), as each run of likwid has its own. */
export const residentBytes = 32 * MiB

/**
 * @param machine.isas instruction sets of this CPU, narrowest first
 * @param machine.allowed CPUs that may be used
 * @param machine.kernels names of likwid's kernels
 * @returns the metrics, and the bytes per thread that stand for DRAM
 */
export function metricsOf({isas, allowed, kernels}) {
  const has = (isa) => isas.some(({name}) => name === isa)
  const threadCounts = allowed > 1 ? [1, allowed] : [1]
  const suffixes = [
    ...(has('avx512') ? ['_avx512'] : []),
    ...(has('avx2') ? ['_avx'] : []),
    ...(has('sse') ? ['_sse'] : []),
  ]
  const levels = [
    {level: 'L1', perThread: 16 * KiB},
    {level: 'L2', perThread: 512 * KiB},
    {level: 'L3', perThread: 4 * MiB},
    {level: 'DRAM', perThread: Math.min(512 * MiB, Math.floor(freemem() / 8 / MiB) * MiB)},
  ]
  const likwidNames = (base, fma) =>
    (fma ? suffixes.flatMap((s) => [`${base}${s}_fma`, `${base}${s}`]) : suffixes.map((s) => `${base}${s}`)).filter(
      (n) => kernels.has(n),
    )
  const {name: widest, memory} = isas.at(-1)
  const waysOf = (mix) => memory.filter((name) => name === mix || name.startsWith(`${mix}-`))
  const metrics = threadCounts.flatMap((threads) => [
    ...peaks
      .filter(({isa, likwid}) => has(isa) && kernels.has(likwid))
      .map((p) => ({
        name: `${p.name}, ${threads} T`,
        unit: 'GFLOP/s',
        threads,
        ours: [{probe: p.ours, isa: p.isa, bytes: 0, roam: false}],
        // 16 kB per thread, as likwid's own peak runs use
        likwid: [
          {
            kernel: p.likwid,
            bytes: 16_000 * threads,
            field: 'MFlops/s',
            perIteration: (16_000 * threads * p.flops) / p.bytes,
          },
        ],
      })),
    ...levels.flatMap(({level, perThread}) =>
      mixes.map(({mix, likwid, fma}) => ({
        name: `${mix} ${level}, ${threads} T`,
        level,
        unit: 'GB/s',
        threads,
        ours:
          level === 'DRAM'
            ? waysOf(mix).map((name) => ({
                probe: name,
                isa: widest,
                bytes: 16 * MiB - 5120,
                roam: true,
                perThread,
              }))
            : (level === 'L1' ? isas.slice(-2) : isas.slice(-1)).map(({name}) => ({
                probe: mix,
                isa: name,
                bytes: perThread,
                roam: false,
              })),
        // both widths where they differ, in L1; the best counts on both sides
        likwid: likwidNames(likwid, fma)
          .slice(0, level === 'L1' ? 4 : 1)
          .map((kernel) => ({
            kernel,
            bytes: perThread * threads,
            field: 'MByte/s',
            perIteration: perThread * threads * (mix === 'update' ? 2 : 1),
          })),
      })),
    ),
  ])
  return {metrics, perThread: levels.at(-1).perThread}
}
