/** Machines with round numbers, so that a test can do the arithmetic itself. */
import type {Ceiling, Machine} from '../../../src/analysis/document/machine.ts'

const provenance = {kind: 'derived', source: 'round numbers of a test', date: '2026-11-21'} as const

export const peak = (
  dtype: NonNullable<Ceiling['dtype']>,
  engine: 'vector' | 'matrix',
  value: number,
  more: Partial<Ceiling> = {},
): Ceiling => ({
  id: `${engine}-${dtype}`,
  kind: 'compute',
  operation: 'fma',
  engine,
  dtype,
  value,
  unit: 'FLOP/s',
  provenance,
  ...more,
})

export const bandwidth = (
  level: NonNullable<Ceiling['level']>,
  value: number,
  more: Partial<Ceiling> = {},
): Ceiling => ({
  id: level.toLowerCase(),
  kind: 'bandwidth',
  mix: 'read',
  level,
  value,
  unit: 'B/s',
  provenance,
  ...more,
})

export const launch = (value: number): Ceiling => ({id: 'launch', kind: 'latency', value, unit: 's', provenance})

export const machineOf = (ceilings: Ceiling[], more: Partial<Machine> = {}): Machine => ({
  id: 'round',
  name: 'A machine of round numbers',
  identity: {},
  ceilings,
  ...more,
})

/** 1 TB/s; matrix 100 (f16, bf16), 50 (tf32); vector 10 (f32) TFLOP/s. */
export const gpu = machineOf([
  peak('f16', 'matrix', 100e12),
  peak('bf16', 'matrix', 100e12),
  peak('tf32', 'matrix', 50e12),
  peak('f32', 'vector', 10e12),
  bandwidth('DRAM', 1e12),
])

/** One set of units for everything: 1 TFLOP/s f32, 0.5 f64; DRAM 0.1, L3 1, L1 10 TB/s. */
export const cpu = machineOf([
  peak('f32', 'vector', 1e12),
  peak('f64', 'vector', 0.5e12),
  bandwidth('L1', 10e12),
  bandwidth('L3', 1e12),
  bandwidth('DRAM', 0.1e12),
])
