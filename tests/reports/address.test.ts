import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {defaultState} from '../../reports/chart/draw.ts'
import {roofLines} from '../../reports/chart/roofs.ts'
import {type Look, lookOf, type Named, settingsOf, toAddress} from '../../reports/live/address.ts'
import {cpu, sample} from './support.ts'

const {result} = sample({model: 'transformer', machine: cpu, options: {batch: 32}})
const named: Named = {
  defaults: defaultState(result),
  operators: result.operators.map((op) => op.id),
  ceilings: roofLines(result).map((line) => line.id),
  levels: Object.keys(result.totals.bytes),
}
const plain: Look = {picked: '', view: named.defaults, zoom: undefined, tables: {}, section: '', theme: undefined}

describe('the address of a page', () => {
  it('is empty where nothing was chosen, and an empty one chooses nothing', () => {
    expect(toAddress({}, plain, named)).toBe('')
    expect(lookOf('', named)).toEqual(plain)
  })

  it('carries everything that a reader can choose', () => {
    const [first, ...others] = named.defaults.ceilings
    const look: Look = {
      picked: 'layers.mlp.up',
      view: {
        ...{ceilings: others, hidden: ['movement', 'norm'], moves: true, level: 'DRAM', levels: true},
        ...{search: 'a&b=c#d %', isolated: 'layers.mlp.up', group: 'layer'},
      },
      zoom: [
        [0.5, 20],
        [1e9, 1e12],
      ],
      tables: {
        operators: {sort: {column: 'total_seconds', descending: true}, filter: 'mlp & +'},
        ceilings: {sort: {column: 'value', descending: false}, filter: ''},
        measured: {filter: 'noisy'},
      },
      section: 'tiles',
      theme: 'dark',
    }
    const settings = {model: 'gpt2', batch: '64'}
    const address = toAddress(settings, look, named)
    expect(address).toContain(`off=${first}`)
    expect(settingsOf(`#${address}`)).toEqual(settings)
    expect(lookOf(`#${address}`, named)).toEqual(look)
  })

  it('says which ceilings were switched, not which are on', () => {
    const extra = named.ceilings.find((id) => !named.defaults.ceilings.includes(id))
    const all = {...plain, view: {...named.defaults, ceilings: named.ceilings}}
    const address = toAddress({}, all, named)
    if (extra) expect(address.startsWith(`on=${extra}`)).toBe(true)
    expect(lookOf(address, named).view.ceilings).toEqual(named.ceilings)
  })

  it.each([
    ['an operator that is not there', 'pick=nobody&only=1'],
    ['a level that is not there', 'level=__proto__'],
    ['a zoom of nothing', 'zoom=1_1_1_2'],
    ['a zoom from high to low', 'zoom=10_1_1_2'],
    ['a zoom of infinities', 'zoom=1e-400_1e400_1_2'],
    ['a zoom of words', 'zoom=a_b_c_d'],
    ['a zoom of two numbers', 'zoom=1_2'],
    ['an unknown class', 'hide=constructor&hide=<script>'],
    ['an unknown ceiling', 'on=toString&off=nothing'],
    ['an unknown group', 'bars=__proto__'],
    ['a theme that is none', 'theme=red'],
    ['a section that is a selector', `at=${encodeURIComponent('#page *')}`],
    ['a table with a strange name', `sort-${encodeURIComponent('a b')}=x&filter-=y`],
    ['a column with a strange name', `sort-operators=${encodeURIComponent('<img src=x>')}`],
    ['broken percent signs', '%E0%A4%A=%&&&==&%'],
  ])('passes over %s', (_name, hash) => {
    expect(lookOf(`#${hash}`, named)).toEqual(plain)
  })

  it('keeps prototypes out of its tables, and texts short', () => {
    const look = lookOf(`#find=${'x'.repeat(5000)}&filter-__proto__=y`, named)
    expect(look.view.search).toHaveLength(200)
    expect(({} as {filter?: string}).filter).toBeUndefined()
    expect(settingsOf(`#pick=a&batch=${'9'.repeat(40_000)}`).batch!.length).toBeLessThan(16_000)
  })

  it('reads any text without failing, and what it reads it writes the same', () => {
    fc.assert(
      fc.property(fc.string({maxLength: 300}), fc.webQueryParameters(), (a, b) => {
        for (const hash of [a, `#${b}`, `#pick=layers.mlp.up&${b}&${a}`]) {
          const look = lookOf(hash, named)
          const again = toAddress(settingsOf(hash), look, named)
          expect(toAddress(settingsOf(again), lookOf(again, named), named)).toBe(again)
        }
      }),
    )
  })
})
