/**
 * What comparisons and sweeps print, as files that somebody has read: as text of 80 columns, as Markdown, and their drawings.
 * `npm run golden` writes them again: read each change before committing it.
 */
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {renderSvg} from '../../../reports/svg.ts'
import {comparisonLead, comparisonSheets, comparisonText} from '../../../reports/text/comparison.ts'
import {fusedSheets, fusedText} from '../../../reports/text/fused.ts'
import {toMarkdown} from '../../../reports/text/markdown.ts'
import type {Printed} from '../../../reports/text/sheet.ts'
import {sweepSheets, sweepText} from '../../../reports/text/sweep.ts'
import {compareDocuments} from '../../../src/analysis/compare.ts'
import {compareMeasured, measuredPoints} from '../../../src/analysis/compare-measured.ts'
import type {FusedComparison} from '../../../src/analysis/document/bench.ts'
import type {Comparison} from '../../../src/analysis/document/comparison.ts'
import {findFit} from '../../../src/analysis/fit.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {sweep} from '../../../src/analysis/sweep.ts'
import {points, profile} from '../compared.ts'
import {goldenPages, pairs} from '../golden-pages.ts'

const golden = (file: string) => join(import.meta.dirname, '..', 'goldens', file)
const look = {width: 80, color: false}

interface Printing {
  readonly text: string
  readonly sheets: readonly (readonly [string, Printed])[]
  readonly lead?: string
}

const compared = (result: Comparison): Printing => ({
  text: comparisonText(result, look, false),
  sheets: comparisonSheets(result),
  lead: comparisonLead(result),
})

function swept(phase: 'prefill' | 'decode'): Printing {
  const [model, machine] = [models['llama-3-8b'], machines['h100-sxm']]
  const options = {phase, ...(phase === 'prefill' ? {seq: 128} : {})} as const
  const fit = phase === 'decode' ? findFit(model, machine, options, {maxTpot: 0.02}) : null
  const {result} = sweep(model, machine, options, {batch: [1, 4, 16, 64, 256]}, fit)
  return {text: sweepText(result, look), sheets: sweepSheets(result)}
}

const printings: Readonly<Record<string, () => Printing>> = {
  profiles: () => {
    const [before, after] = [profile(), profile({dram: 0.6, 'fma-f32': 1.2, l2: 1.001}, 'Newer CPU')]
    return compared(
      compareDocuments({kind: 'machine', result: before.result}, {kind: 'machine', result: after.result}).result,
    )
  },
  timings: () => {
    const after = points({'gemm 2048': 1.4, 'softmax 4096': 0.5, 'gelu 1e6': 1.01})
    return compared(compareMeasured(measuredPoints(points().result), measuredPoints(after.result)))
  },
  pairs: () => {
    const comparison: FusedComparison = {kind: 'fused', pairs: [...pairs]}
    return {text: fusedText(comparison, look), sheets: fusedSheets(comparison)}
  },
  'prefill-sweep': () => swept('prefill'),
  'decode-sweep': () => swept('decode'),
}

describe.each(Object.entries(printings))('%s as it was read', (name, make) => {
  const {text, sheets, lead} = make()

  it('text of 80 columns', () => expect(`${text}\n`).toMatchFileSnapshot(golden(`${name}.txt`)))

  it('Markdown', () => {
    const parts = sheets.map(([title, sheet]) => `## ${title}\n\n${toMarkdown(sheet)}`)
    return expect([...(lead ? [lead] : []), ...parts].join('\n')).toMatchFileSnapshot(golden(`${name}.md`))
  })
})

/** A drawing with an element a line, its long numbers to a tenth of a pixel: what a reviewer can read, and no rounding changes. */
const readable = (svg: string): string =>
  `${svg.replaceAll(/-?\d+\.\d{5,}(e-?\d+)?/g, (n) => String(Number(Number(n).toFixed(1)))).replaceAll('><', '>\n<')}\n`

const drawings = Object.entries(goldenPages).flatMap(([name, {views}]) => views.map((view) => ({name, view})))

it.each(drawings)('drawing of $view, $name', async ({name, view}) => {
  const {document, extras} = goldenPages[name]!
  const svg = await renderSvg(document, view, {width: 640, ...(extras ? {extras} : {})})
  await expect(readable(svg)).toMatchFileSnapshot(golden(`${name}-${view}.svg`))
})
