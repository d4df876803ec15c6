/** Parameters and MACs of image classifiers as torchvision publishes them, computed by this engine. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {findModel} from '../../src/analysis/catalog.ts'
import {gpu} from '../analysis/support/machines.ts'

interface Row {
  readonly model: string
  readonly image: number
  readonly quantity: 'num_params' | 'forward_macs'
  readonly unit: string
  readonly value: number
  readonly source: string
}

const rows = JSON.parse(readFileSync(new URL('./data/torchvision.json', import.meta.url), 'utf8')) as Row[]

/** torchvision writes `vgg16_bn` what is `vgg16-bn` here. */
const idOf = (row: Row) => row.model.replaceAll('_', '-')

describe('torchvision', () => {
  it('has 16 models in the table, each with both figures', () => {
    for (const quantity of ['num_params', 'forward_macs'])
      expect(new Set(rows.filter((row) => row.quantity === quantity).map((row) => row.model)).size).toBe(16)
  })

  it.each(rows.map((row) => [`${row.model} ${row.quantity}`, row] as const))('%s', (_, row) => {
    const image = {height: row.image, width: row.image}
    const {result} = analyzeModel(findModel(idOf(row)), gpu, {image})
    if (row.quantity === 'num_params') expect(result.model.parameters.total).toBe(row.value)
    // printed in GMAC with three decimals
    else expect(Math.round(result.totals.macs / 1e6)).toBe(Math.round(row.value * 1e3))
    expect(row.source).toMatch(/pytorch\/vision .* f52fd335/)
  })
})
