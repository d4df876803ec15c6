import {expect, test} from 'vitest'
// @ts-expect-error scripts have no types
import {neighbours} from '../../scripts/bench/neighbour.mjs'

test('rows beside a neighbour are named with what it took, against the best of as many threads', () => {
  const rows = [
    {threads: 1, perCycle: 6},
    {threads: 1, perCycle: 5.5},
    {threads: 1, perCycle: 3.9},
    {threads: 2, perCycle: 3},
  ]
  const name = ({threads, perCycle}: {threads: number; perCycle: number}) => `${perCycle} on ${threads}`
  expect(neighbours(rows, name)).toMatch(/slots: 3\.9 on 1 \(35 %\)\.$/)
  expect(neighbours(rows.slice(0, 2), name)).toBe('')
  expect(neighbours([], name)).toBe('')
  // what was kept of an earlier table has none
  expect(neighbours([{threads: 1}, ...rows], name)).toBe(neighbours(rows, name))
})
