/** Documents and the page template for the tests of reports. */
import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {ReportDocument} from '../../reports/document.ts'
import {type AnalyzeOptions, analyzeModel} from '../../src/analysis/analyze.ts'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'

export const root = join(import.meta.dirname, '..', '..')

const measured = (ceiling: Omit<Ceiling, 'unit' | 'provenance'>): Ceiling => ({
  ...ceiling,
  unit: ceiling.kind === 'compute' ? 'FLOP/s' : 'B/s',
  provenance: {kind: 'measured', source: 'test profile', date: '2026-11-21'},
  cv: 0.01,
  verdict: 'ok',
})

/** A CPU with every cache level, each on one thread and on all. */
export const cpu: Machine = {
  id: 'local',
  name: 'Test CPU',
  identity: {},
  memory: {capacity: 8e9},
  ceilings: [
    measured({
      id: 'fma-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      threads: 2,
      value: 236e9,
    }),
    measured({
      id: 'fma-f32-1',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      threads: 1,
      value: 120e9,
    }),
    measured({id: 'l1', kind: 'bandwidth', mix: 'read', level: 'L1', threads: 2, value: 900e9}),
    measured({id: 'l2', kind: 'bandwidth', mix: 'read', level: 'L2', threads: 2, value: 420e9}),
    measured({id: 'l3', kind: 'bandwidth', mix: 'read', level: 'L3', threads: 2, value: 150e9}),
    measured({id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', threads: 2, value: 38e9}),
    measured({id: 'dram-1', kind: 'bandwidth', mix: 'read', level: 'DRAM', threads: 1, value: 20e9}),
  ],
}

export interface Sample {
  readonly model?: keyof typeof models
  readonly machine?: Machine
  readonly modelName?: string
  readonly options?: AnalyzeOptions
}

/** A document as `perf analyze --json` prints it. */
export function sample({
  model = 'llama-3-8b',
  machine = machines['h100-sxm'],
  modelName,
  options,
}: Sample = {}): ReportDocument {
  const def = models[model]
  const {result, warnings} = analyzeModel(modelName === undefined ? def : {...def, name: modelName}, machine, options)
  return {schema: 'ridgepoint/analysis@1', ok: true, result, warnings}
}

/** Documents that differ in what a chart has to cope with. */
export const samples: Readonly<Record<string, () => ReportDocument>> = {
  'prefill on an accelerator, ranked': () => sample({options: {against: [machines.mi300x, machines.l4]}}),
  'decode under the memory roof': () => sample({options: {phase: 'decode', batch: 8}}),
  'unfused, too large for the device': () => sample({model: 'llama-3-70b', options: {fusion: 'none', batch: 4}}),
  'four memory levels, measured': () => sample({model: 'transformer', machine: cpu, options: {batch: 32}}),
  'everything fused, two peaks of one type': () => sample({machine: machines['rtx-4090'], options: {fusion: 'all'}}),
}

/** Builds the template into a folder of its own, so that no other build is in the way. */
export function buildTemplate(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-report-'))
  try {
    execFileSync(process.execPath, [join(root, 'scripts', 'build-report.mjs'), folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    return readFileSync(join(folder, 'template.html'), 'utf8')
  } finally {
    rmSync(folder, {recursive: true})
  }
}
