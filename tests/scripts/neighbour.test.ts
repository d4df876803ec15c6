import {expect, test} from 'vitest'
// @ts-expect-error scripts have no types
import {neighbours} from '../../scripts/bench/neighbour.mjs'
import {neighbourOf} from '../../src/kernels/issue.ts'

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
  // the share is the program's
  for (const perCycle of [5.35, 5.45]) {
    const two = [rows[0]!, {threads: 1, perCycle}]
    expect(neighbours(two, name) !== '').toBe(neighbourOf({perCycle, best: 6}) !== undefined)
  }
  // of many rows a count
  const many = Array.from({length: 7}, (_, i) => ({threads: 1, perCycle: 3 + i / 10}))
  expect(neighbours([rows[0]!, ...many], name)).toMatch(
    /^7 of 8 rows .* had 40 to 50 % of its instruction slots: those with less than 90 % /,
  )
  // what was kept of an earlier table has none
  expect(neighbours([{threads: 1}, ...rows], name)).toBe(neighbours(rows, name))
})
