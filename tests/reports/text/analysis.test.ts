import {describe, expect, it} from 'vitest'
import {analysisText} from '../../../reports/text/analysis.ts'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {chooseRows} from '../../../src/analysis/rows.ts'
import type {WorkloadOptions} from '../../../src/analysis/workload.ts'

/** One line with single spaces: what a reader reads, wherever it was wrapped. */
const text = (options: WorkloadOptions) => {
  const {result} = analyzeModel(models['llama-3-8b'], machines['h100-sxm'], options)
  const view = {width: 80, color: false, chart: false, ...chooseRows(result, {})}
  return {result, said: analysisText(result, view).replace(/\s+/g, ' ')}
}

describe('the text of an analysis', () => {
  it('says what each pass that compresses changed, before and after, and nothing of what it did not', () => {
    const {said, result} = text({phase: 'decode', prune: 'heads:0.25,2:4', quantize: 'kv8'})
    expect(result.compression!.map(({pass}) => pass)).toEqual(['prune-heads', 'prune-weights', 'quantize'])
    expect(said).toMatch(/prune-heads weights 16.1 GB → [\d.]+ GB, KV cache 269 MB → 201 MB, bytes .* → .*, MACs .* → /)
    expect(said).toMatch(/prune-weights weights [\d.]+ GB → [\d.]+ GB, bytes [^K]*time/)
    expect(said).toMatch(/quantize KV cache 201 MB → 101 MB/)
    expect(said).toContain('Peaks are dense, but for products with 2:4 weights.')
  })

  it('says that a pass found nothing to do', () => {
    expect(text({prune: 'heads:0.05'}).said).toContain('prune-heads changed nothing: no operator that it applies to')
  })

  it('shows fused against unfused', () => {
    expect(text({}).said).toMatch(/Fused against unfused .*none .*attention ← .*all /)
  })
})
