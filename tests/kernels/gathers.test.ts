/** The roof of a gather takes its reads for independent draws: what a cache finds of them is then the share that it holds. */
import {expect, test} from 'vitest'
import {kernels} from '../../src/kernels/registry.ts'

/** Share of the reads that a cache of `rows` rows finds which forgets what was asked for longest ago, threads in step over equal parts. */
function foundBy(columns: ArrayLike<number>, threads: number, rows: number): number {
  const held = new Set<number>()
  let found = 0
  const part = Math.floor(columns.length / threads)
  for (let e = 0; e < part; e++)
    for (let thread = 0; thread < threads; thread++) {
      const row = columns[thread * part + e]!
      if (held.delete(row)) found++
      else if (held.size === rows) held.delete(held.values().next().value!)
      held.add(row)
    }
  return found / (threads * part)
}

// A golden-ratio sequence in place of draws: one thread found nothing, two found each other's rows.
test.each([1, 2, 3, 8])('columns of a graph: %d threads find what the cache holds, and no more', (threads) => {
  const nodes = 5000
  const [part] = kernels.spmm.program([nodes, 200_000, 16, 1]).parts
  const columns = part!.values!.columns!(200_000)
  for (const share of [0.1, 0.3, 0.6]) {
    const found = foundBy(columns, threads, share * nodes)
    expect(found).toBeLessThan(share * 1.02)
    expect(found).toBeGreaterThan(share * 0.95)
  }
  expect(new Set(Array.from(columns)).size).toBe(nodes)
})
