/** Small machine files, right but for what a test changes. */
import {parseMachine} from '../../../src/analysis/importers/machine-file.ts'
import {failure} from './failure.ts'

export type Json = Record<string, unknown>
export const compute = {kind: 'compute', engine: 'matrix', dtype: 'bf16', value: '181 TFLOP/s'}
export const dram = {kind: 'bandwidth', level: 'DRAM', value: '864 GB/s'}
export const file = (change: Json = {}): Json => ({
  id: 'my-gpu',
  source: 'Maker, data sheet, page 2',
  date: '2026-01-15',
  ceilings: [compute, dram],
  ...change,
})
export const withCeiling = (change: Json) => file({ceilings: [compute, dram, change]})

export const mistake = (json: unknown) => failure(() => parseMachine(json, 'my.json'))
