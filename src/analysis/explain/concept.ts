/** What a concept is, and how its text is laid out: one screen of 24 lines and 80 columns. */
import {evaluateModel} from '../analyze.ts'
import {findMachine} from '../catalog.ts'
import type {Machine} from '../document/machine.ts'
import type {Evaluation} from '../evaluate.ts'
import {models} from '../models/index.ts'
import type {ModelDef, TransformerModel} from '../models/types.ts'
import {type ComputeRoof, type LevelRoof, prepareRoof, ridgePoint} from '../roofline.ts'
import {resolveWorkload, type WorkloadOptions} from '../workload.ts'

export const SCREEN = {lines: 24, columns: 80} as const

export interface Concept {
  readonly id: string
  /** other names that people ask for it by */
  readonly also?: readonly string[]
  readonly title: string
  readonly source: string
  /** paragraphs to wrap; one that starts with two spaces is a formula and stays as it is. Numbers come from the engine. */
  text(): readonly string[]
}

function wrap(paragraph: string): string[] {
  if (paragraph.startsWith('  ')) return [paragraph]
  const lines: string[] = []
  let line = ''
  for (const word of paragraph.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > SCREEN.columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** Title, paragraphs, source; an empty line around every formula block and between paragraphs. */
export function layOut({title, source, text}: Concept): string {
  const blocks = [title, ...text(), `Source: ${source}`]
  const lines: string[] = []
  for (const [i, block] of blocks.entries()) {
    const formulas = block.startsWith('  ') && blocks[i - 1]?.startsWith('  ')
    if (i > 0 && !formulas) lines.push('')
    lines.push(...wrap(block))
  }
  return lines.join('\n')
}

/** The machine and model that every worked number is about. */
export interface Stage {
  readonly machine: Machine
  readonly model: TransformerModel
  readonly compute: ComputeRoof
  readonly memory: LevelRoof
  /** FLOP/B */
  readonly ridge: number
  readonly capacity: number
  run(options: WorkloadOptions, model?: ModelDef): Evaluation
}

/** Llama 3 8B in bf16 on an H100 SXM: the pair that published figures can be checked against. */
export function stage(): Stage {
  const machine = findMachine('h100-sxm')
  const model = models['llama-3-8b']
  const roof = prepareRoof(machine)
  const compute = roof.compute('matrix', 'bf16')
  const memory = roof.levels[0]!
  return {
    machine,
    model,
    compute,
    memory,
    ridge: ridgePoint(compute.rate, memory.rate),
    capacity: machine.memory!.capacity,
    run: (options, other = model) => evaluateModel(other, resolveWorkload(other, options), roof),
  }
}
