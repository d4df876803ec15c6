import {expect, it} from 'vitest'
import {checkText} from '../../../reports/text/check.ts'
import type {Check, CheckRow} from '../../../src/analysis/document/check.ts'

const row = (id: string, pass: boolean): CheckRow => ({
  id,
  unit: 'FLOP/s',
  baseline: 1e11,
  current: pass ? 1e11 : 5e10,
  change: pass ? 0 : 0.5,
  limit: 0.02,
  pass,
  reason: 'test',
})
const look = {color: false, width: 100}
const check = (rows: CheckRow[]): Check => {
  const side = {id: 'local', name: 'Test CPU', machine: null}
  return {kind: 'machine', baseline: side, current: side, passed: rows.every(({pass}) => pass), rows}
}

it('of many figures lists those that failed, and counts the others', () => {
  const many = Array.from({length: 40}, (_, i) => row(`fma-${i}`, i !== 7))
  const text = checkText(check(many), look)
  expect(text.split('\n').filter((line) => line.startsWith('fma-'))).toEqual([
    expect.stringMatching(/^fma-7 .*50\.0 %.* NO/),
  ])
  expect(text).toContain('39 figures are within what is allowed (--csv lists them)')
  expect(text).toContain('failed: 1 of 40 figures got worse than allowed')
  const fine = checkText(check(many.map((r) => row(r.id, true))), look)
  expect(fine).toMatch(/40 figures are within .*\npassed: nothing got worse than allowed$/)
})

it('of few lists all', () => {
  const text = checkText(check([row('a', true), row('b', false)]), look)
  expect(text).toMatch(/^a .* yes/m)
  expect(text).toMatch(/^b .* NO/m)
  expect(text).not.toContain('--csv')
})
