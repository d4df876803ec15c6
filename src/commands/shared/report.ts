/** The HTML page of a document, from the template that the build made. */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Extras} from '../../../reports/live/source.ts'
import type {Embedded} from '../../../reports/shown.ts'
import type {BenchKernel, FusedPair} from '../../analysis/document/bench.ts'
import type {Machine} from '../../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import {packageRoot} from '../../kernels/package-root.ts'
import {writeWhole} from './output.ts'

/** A success document of any kind. */
export interface Document {
  readonly schema: string
  readonly ok: true
  readonly result: unknown
  readonly warnings: readonly unknown[]
}

/** What a page embeds. */
export interface Page {
  readonly document: Embedded
  readonly extras: Extras
}

/**
 * @param extras what the page needs to compute again and the document does not hold
 * @throws AnalysisError `internal` where the package was not built
 */
export async function renderPage(document: Document, extras?: Extras): Promise<string> {
  const path = join(packageRoot().path, 'dist', 'report', 'template.html')
  let template: string
  try {
    template = readFileSync(path, 'utf8')
  } catch {
    throw new AnalysisError('internal', `${path} is missing: the package was not built`, ['npm run build'])
  }
  const {renderHtml} = await import('../../../reports/html.ts')
  return renderHtml(template, document, extras)
}

/** @throws AnalysisError `cannot-write` */
export async function writeReport(flag: string, path: string, document: Document, extras?: Extras): Promise<void> {
  await writeWhole(flag, path, await renderPage(document, extras))
}

/**
 * The page of measured kernels, and of pairs where there are any.
 * @throws AnalysisError `cannot-write`, `no-profile` where the machine has no ceilings that they could stand under
 */
export async function writeBench(path: string, bench: Benchmarks): Promise<void> {
  const {document, extras} = await benchPage(bench)
  await writeReport('--report', path, document, extras)
}

/** Measured kernels, and pairs where there are any, under their machine. */
export interface Benchmarks {
  readonly kernels: readonly BenchKernel[]
  readonly machine: Machine
  readonly warnings: readonly Warning[]
  readonly pairs?: readonly FusedPair[]
}

/**
 * What the page of measured kernels embeds.
 * @throws AnalysisError `no-profile` where the machine has no ceilings that they could stand under
 */
export async function benchPage({kernels, machine, warnings, pairs}: Benchmarks): Promise<Page> {
  const {benchDocument} = await import('../../../reports/bench.ts')
  const blocks = kernels.filter(({id}) => id === 'gemm-blocked')
  // what was measured over blocks is read beside the caches of the machine
  const over = blocks.length > 0 ? {blocks, machines: [machine]} : {}
  return {document: benchDocument(kernels, machine, warnings), extras: {...(pairs ? {pairs} : {}), ...over}}
}
