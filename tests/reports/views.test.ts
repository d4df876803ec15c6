import {readdirSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {defaultState} from '../../reports/chart/draw.ts'
import {compileView} from '../../reports/compile.ts'
import {views} from '../../reports/views/index.ts'
import {root, samples} from './support.ts'

describe('the registry of views', () => {
  it('has every file of the folder, under the name of the file', () => {
    const files = readdirSync(join(root, 'reports', 'views'))
      .filter((name) => name !== 'index.ts')
      .map((name) => name.replace(/\.ts$/, ''))
    expect(Object.keys(views).sort()).toEqual(files.sort())
    for (const [id, view] of Object.entries(views)) expect(view.id).toBe(id)
  })
})

describe.each(Object.values(views))('view $id', (view) => {
  it('compiles without a warning', async () => {
    const spec = await compileView(view)
    expect(spec.marks?.length).toBeGreaterThan(0)
  })

  it('has a data set in its spec for all rows, and a signal for all values', async () => {
    const spec = await compileView(view)
    const sets = (spec.data ?? []).map((set) => set.name)
    const signals = (spec.signals ?? []).map((signal) => signal.name)
    const {result} = samples['prefill on an accelerator, ranked']!()
    const inputs = view.inputs(result, {...defaultState(result), moves: true})
    expect(sets).toEqual(expect.arrayContaining(Object.keys(inputs.data)))
    expect(signals).toEqual(expect.arrayContaining([...Object.keys(inputs.signals), 'theme']))
  })

  it('says how to read it, what it assumes, and what it shows', () => {
    expect(view.howToRead.length).toBeGreaterThan(80)
    expect(view.assumptions.length).toBeGreaterThan(0)
    for (const make of Object.values(samples)) {
      const {result} = make()
      expect(view.describe(result)).toMatch(/\d/)
      expect(view.describe(result)).not.toMatch(/NaN|undefined|Infinity/)
    }
  })

  it('puts no text smaller than 12 px on the page', async () => {
    const sizes = [
      ...JSON.stringify(await compileView(view)).matchAll(/"(?:labelF|titleF|f)ontSize":\{?"?(?:value":)?(\d+)/g),
    ]
    for (const [, size] of sizes) expect(Number(size)).toBeGreaterThanOrEqual(12)
  })
})

it('a warning of Vega-Lite fails the compilation and names the view', async () => {
  const odd = {
    ...views.time,
    spec: {...views.time.spec, height: {step: 20}, autosize: {type: 'fit', contains: 'padding'}},
  } as const
  await expect(compileView(odd)).rejects.toThrow(/view time: .*fit/)
})
