/** Parameters and MACs of image classifiers as torchvision publishes them, computed by this engine. */
import {readFileSync, writeFileSync} from 'node:fs'
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

const ours = (row: Row) => {
  const image = {height: row.image, width: row.image}
  const {result} = analyzeModel(findModel(idOf(row)), gpu, {image})
  return row.quantity === 'num_params' ? result.model.parameters.total : result.totals.macs
}

/** The table of `docs/validation.md`: one row a model. */
function table(): string {
  const grouped = (n: number) => n.toLocaleString('en-US')
  const names = [...new Set(rows.map((row) => row.model))]
  const lines = names.map((name) => {
    const [params, macs] = ['num_params', 'forward_macs'].map(
      (q) => rows.find((r) => r.model === name && r.quantity === q)!,
    )
    const [count, products] = [ours(params!), ours(macs!)]
    const cells = [
      grouped(params!.value),
      grouped(count),
      macs!.value.toFixed(3),
      (products / 1e9).toFixed(3),
      grouped(products),
    ]
    return `| ${idOf(params!)} | ${cells.join(' | ')} |`
  })
  return [
    '| model | parameters, published | here | GMAC, published | here | MACs |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...lines,
  ].join('\n')
}

describe('torchvision', () => {
  it('stands in docs/validation.md as it is computed', () => {
    const file = new URL('../../docs/validation.md', import.meta.url)
    const section = /<!-- torchvision -->\n\n([\s\S]*?)\n?\n?<!-- \/torchvision -->/
    const text = table()
    // `UPDATE_TABLES=1` writes it anew
    if (process.env.UPDATE_TABLES) {
      const page = readFileSync(file, 'utf8')
      writeFileSync(
        file,
        page.replace(section, () => `<!-- torchvision -->\n\n${text}\n\n<!-- /torchvision -->`),
      )
    }
    expect(section.exec(readFileSync(file, 'utf8'))?.[1]).toBe(text)
  })

  it('has 37 models in the table, each with both figures', () => {
    for (const quantity of ['num_params', 'forward_macs'])
      expect(new Set(rows.filter((row) => row.quantity === quantity).map((row) => row.model)).size).toBe(37)
  })

  it.each(rows.map((row) => [`${row.model} ${row.quantity}`, row] as const))('%s', (_, row) => {
    if (row.quantity === 'num_params') expect(ours(row)).toBe(row.value)
    // printed in GMAC with three decimals
    else expect(Math.round(ours(row) / 1e6)).toBe(Math.round(row.value * 1e3))
    expect(row.source).toMatch(/^pytorch\/vision torchvision\/models\/\w+\.py weights meta/)
  })
})
