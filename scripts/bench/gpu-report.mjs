/** What `npm run bench:gpu` measured, as figures against what was promised, and as a page. Pure. */

/** Catalog machines by what drivers call them; the first that fits. */
const catalog = [
  [/h200/i, 'h200-sxm'],
  [/h100.*pcie/i, 'h100-pcie'],
  [/h100/i, 'h100-sxm'],
  [/a100.*80/i, 'a100-80gb-sxm'],
  [/a100/i, 'a100-40gb-sxm'],
  [/b200/i, 'b200'],
  [/v100/i, 'v100-sxm'],
  [/l40s/i, 'l40s'],
  [/\bl4\b/i, 'l4'],
  [/4090/, 'rtx-4090'],
  [/mi300x/i, 'mi300x'],
  [/m3.max/i, 'm3-max'],
]

/** The datasheet's f32 vector peak and bandwidth for an adapter's name or a catalog id; `undefined` where the catalog has none. */
export function datasheetOf(name, show) {
  const id = catalog.find(([pattern, known]) => known === name || pattern.test(name))?.[1]
  const machine = id && show(id)
  if (!machine) return undefined
  const fma = machine.ceilings.find((c) => c.dtype === 'f32' && c.engine === 'vector' && c.operation === 'fma')
  const copy = machine.ceilings.find((c) => c.kind === 'bandwidth' && c.level === 'DRAM')
  return {id, fma: fma?.value, copy: copy?.value}
}

const percent = (share) => (Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : '–')
const tera = (value, unit) => (Number.isFinite(value) ? `${(value / 1e12).toPrecision(4)} T${unit}` : '–')
const size = ({dims}) => Object.values(dims).join('×')
const row = (...cells) => `| ${cells.join(' | ')} |`

/** Ceilings that the shares are of. */
export function topsOf(machine) {
  const best = (wanted) =>
    Math.max(
      ...machine.ceilings.filter((c) => wanted(c) && !['implausible', 'wrong'].includes(c.verdict)).map((c) => c.value),
    )
  return {
    fma: best((c) => c.operation === 'fma' && c.dtype === 'f32' && c.engine === 'vector'),
    copy: best((c) => c.mix === 'copy' && c.level === 'DRAM'),
  }
}

/** One promised figure: what it is, the share, and what was promised. */
export function figures({machine, sheet, peer, gemm, attention, rows, few = [], quick, full}) {
  const tops = topsOf(machine)
  const figure = (what, value, share, least, most = 1.01) => ({
    what,
    value,
    share,
    target: `${least * 100} % to ${most * 100} %`,
    met: Number.isFinite(share) ? share >= least && share <= most : undefined,
  })
  const product = gemm?.result?.kernels[0]
  const of = (label, key, unit) => [
    ...(sheet
      ? [
          figure(
            `${label}, of the data sheet of ${sheet.id}`,
            tera(tops[key], unit),
            tops[key] / sheet[key],
            key === 'fma' ? 0.88 : 0.84,
          ),
        ]
      : []),
    ...(peer[key]
      ? [
          figure(
            `${label}, of CUDA in the same run (${tera(peer[key], unit)})`,
            tera(tops[key], unit),
            tops[key] / peer[key],
            0.97,
          ),
        ]
      : []),
  ]
  const all = [
    ...of('f32 multiply-add', 'fma', 'FLOP/s'),
    ...of('copy', 'copy', 'B/s'),
    ...(product
      ? [
          figure(
            `f32 product ${size(product)}, of the measured multiply-add`,
            tera(product.flopsPerSecond, 'FLOP/s'),
            product.flopsPerSecond / tops.fma,
            0.6,
          ),
        ]
      : []),
    ...attention.flatMap(({result}) =>
      (result?.pairs ?? []).map((pair) => ({
        what: `attention ${size(pair)}: unfused ÷ fused`,
        value: `${(pair.unfused.seconds.median * 1e3).toPrecision(3)} ms, ${(pair.fused.seconds.median * 1e3).toPrecision(3)} ms`,
        share: pair.speedup,
        target: 'above 100 %',
        met: pair.speedup > 1,
      })),
    ),
    ...rows.flatMap(({result}) => {
      // of the sizes the one that comes from memory
      const kernel = result?.kernels.at(-1)
      return kernel
        ? [
            figure(
              `${kernel.id} ${size(kernel)}, of the measured copy`,
              tera(kernel.bytesPerSecond, 'B/s'),
              kernel.bytesPerSecond / tops.copy,
              0.85,
            ),
          ]
        : []
    }),
    ...few.flatMap(({result}) =>
      (result?.kernels ?? []).map((kernel) => ({
        what: `${kernel.id} ${size(kernel)}, of its roof (${kernel.bound})`,
        value: tera(kernel.bytesPerSecond, 'B/s'),
        share: kernel.efficiency ?? Number.NaN,
        target: 'not promised',
        met: undefined,
      })),
    ),
    ...[[quick, 'quick measurement', 5], ...(full ? [[full, 'full measurement', 30]] : [])].map(
      ([{seconds, result}, what, most]) => ({
        what,
        value: result ? `${seconds.toFixed(1)} s` : 'failed',
        share: Number.NaN,
        target: `under ${most} s`,
        met: result !== undefined && seconds < most,
      }),
    ),
  ]
  // on a processor the shares say nothing of a GPU: nothing was promised
  return machine.identity.adapter.software ? all.map((f) => ({...f, met: undefined})) : all
}

const said = ({met}) => (met === undefined ? '–' : met ? 'yes' : 'no')

/** The figures as lines of text. */
export const lines = (measured) =>
  figures(measured).map((f) => `${said(f).padEnd(4)} ${f.what}: ${f.value}, ${percent(f.share)} (${f.target})`)

/** A line for each mix: working sets and rates. */
const sweepLines = (sweep) =>
  [...new Set(sweep.map(({mix}) => mix))].map((mix) => {
    const points = sweep.filter((point) => point.mix === mix)
    return `Working sets, ${mix}: ${points.map(({bytes, bytesPerSecond}) => `${bytes / 1024} KiB ${(bytesPerSecond / 1e9).toPrecision(3)} GB/s`).join(', ')}.`
  })

const mark = ({verdict}) => (verdict === 'ok' ? '' : ` (${verdict})`)

/** The page of results. */
export function report(measured) {
  const {machine, peer, gemm, attention, rows, few = [], kernels, pairs, date, seconds, quick, full, sheet} = measured
  const {identity} = machine
  // a run that was cut short lacks the last of them
  const parts = [quick, full, gemm, ...rows, ...attention, ...few, kernels, pairs].filter(Boolean)
  const failed = parts.filter(({error}) => error)
  const warnings = [...new Set(parts.flatMap((part) => part.warnings.map(({code, message}) => `${code}: ${message}`)))]
  return `# WebGPU on ${machine.name}

Command: \`npm run bench:gpu\`, ${seconds} s. Date: ${date}. Timer: ${identity.timer.kind}. ${identity.tool ?? ''} ${identity.os ?? ''}. Node ${process.version}.
${identity.adapter.software ? '**A software adapter: small sizes, no figures of a GPU.** ' : ''}Data sheet: ${sheet ? sheet.id : 'none of the catalog'}. CUDA: ${peer.reason ?? 'compiled and run in the same session'}.

## What was promised

${row('figure', 'measured', 'share', 'promised', 'met')}
${row('---', '---', '---:', '---', '---')}
${figures(measured)
  .map((f) => row(f.what, f.value, percent(f.share), f.target, said(f)))
  .join('\n')}

## Ceilings

${row('id', 'value', 'how', 'verdict')}
${row('---', '---:', '---', '---')}
${machine.ceilings.map((c) => row(c.id, `${c.value.toPrecision(4)} ${c.unit}`, c.provenance.source.split('; ').slice(1).join('; '), c.verdict ?? 'ok')).join('\n')}

Absent: ${identity.absent.map(({id, reason}) => `${id} (${reason})`).join(', ') || 'nothing'}.
${sweepLines(identity.sweep).join('\n')}

## Kernels

${row('kernel', 'size', 'type', 'GFLOP/s', 'GB/s', 'of its roof', 'bound', 'largest error')}
${row('---', '---', '---', '---:', '---:', '---:', '---', '---:')}
${(kernels?.result?.kernels ?? [])
  .map((k) =>
    row(
      k.id,
      size(k),
      k.dtype,
      (k.flopsPerSecond / 1e9).toPrecision(4),
      (k.bytesPerSecond / 1e9).toPrecision(4),
      percent(k.efficiency) + mark(k),
      k.bound ?? '–',
      k.maxError.toExponential(1),
    ),
  )
  .join('\n')}

## Pairs

${row('pair', 'size', 'unfused, median', 'fused, median', 'ratio', 'roof says')}
${row('---', '---', '---:', '---:', '---:', '---:')}
${[...attention.flatMap(({result}) => result?.pairs ?? []), ...(pairs?.result?.pairs ?? [])]
  .map((p) =>
    row(
      p.id,
      size(p),
      `${(p.unfused.seconds.median * 1e6).toPrecision(4)} µs${mark(p.unfused)}`,
      `${(p.fused.seconds.median * 1e6).toPrecision(4)} µs${mark(p.fused)}`,
      p.speedup?.toPrecision(3) ?? '–',
      p.predictedSpeedup?.toPrecision(3) ?? '–',
    ),
  )
  .join('\n')}
${failed.length > 0 ? `\n## Failed\n\n${failed.map(({command, error}) => `- \`${command}\`: ${error}`).join('\n')}\n` : ''}${
  warnings.length > 0 ? `\n## Warnings\n\n${warnings.map((w) => `- ${w}`).join('\n')}\n` : ''
}`
}
