import {describe, expect, it} from 'vitest'
import {type Joint, type Match, matchOperators} from '../../reports/chart/matched.ts'
import {sample} from './support.ts'

const options = {phase: 'decode', batch: 4} as const
const [apart, joined, all] = (['none', 'attention', 'all'] as const).map(
  (fusion) => sample({options: {...options, fusion}}).result,
) as [ReturnType<typeof sample>['result'], ReturnType<typeof sample>['result'], ReturnType<typeof sample>['result']]
const total = (matches: readonly Match[], side: keyof Match, value: (joint: Joint) => number) =>
  matches.reduce((sum, match) => sum + value(match[side]), 0)

describe('operators of two analyses', () => {
  it('are all matched, each once, whichever side fuses, and add up to both totals', () => {
    for (const [before, after] of [
      [apart, joined],
      [all, apart],
      [joined, all],
    ] as const) {
      const matches = matchOperators(before, after)
      for (const [side, {operators, totals}] of [
        ['before', before],
        ['after', after],
      ] as const) {
        const ids = matches.flatMap((match) => match[side].ids)
        expect(ids.toSorted()).toEqual(operators.map(({id}) => id).toSorted())
        expect(total(matches, side, ({flops}) => flops)).toBe(totals.flops)
        expect(total(matches, side, ({bytes}) => bytes)).toBe(Object.values(totals.bytes)[0])
        expect(total(matches, side, ({seconds}) => seconds) / totals.time.lower).toBeCloseTo(1, 9)
        expect(total(matches, side, ({share}) => share)).toBeCloseTo(1, 9)
      }
    }
  })

  it('stand, taken together, at the rate of all their FLOPs over all their time', () => {
    const [match] = matchOperators(apart, joined).filter(({before}) => before.ids.length > 1)
    expect(match!.after.ids).toEqual(['layers.attn.scores+softmax+values'])
    expect(match!.before.ids.map((id) => id.split('.').at(-1))).toEqual(['scores', 'softmax', 'values'])
    expect(match!.before.performance).toBeCloseTo(match!.before.flops / match!.before.seconds, 3)
    const largest = joined.operators.find(({id}) => id === match!.after.largest.id)
    expect(largest?.id).toBe('layers.attn.scores+softmax+values')
  })

  it('that only one side has are in no match', () => {
    const without = {...joined, operators: joined.operators.filter(({id}) => id !== 'layers.mlp.up')}
    const ids = matchOperators(without, all).flatMap(({after}) => after.ids)
    expect(ids).not.toHaveLength(0)
    expect(ids.some((id) => id.includes('mlp.up'))).toBe(false)
  })
})
