/** The table of `docs/machines.md`, made from the registry: the test compares the two. */
import type {Machine} from '../../../src/analysis/document/machine.ts'

const cell = (machine: Machine, id: string) => {
  const ceiling = machine.ceilings.find((c) => c.id === id)
  return ceiling ? `${ceiling.value / (ceiling.kind === 'compute' ? 1e12 : 1e9)}` : '–'
}

const columns: [string, (m: Machine) => string][] = [
  ['id', (m) => `\`${m.id}\``],
  ['name', (m) => m.name],
  ['vector f32', (m) => cell(m, 'vector-f32')],
  ['bf16', (m) => cell(m, 'matrix-bf16')],
  ['f16', (m) => cell(m, 'matrix-f16')],
  ['fp8', (m) => cell(m, 'matrix-fp8')],
  ['int8', (m) => cell(m, 'matrix-int8')],
  ['DRAM GB/s', (m) => cell(m, 'dram')],
  ['memory GB', (m) => (m.memory ? `${m.memory.capacity / 1e9}` : '–')],
  ['link GB/s', (m) => cell(m, m.ceilings.find((c) => c.kind === 'link')?.id ?? '')],
  ['W', (m) => (m.power ? `${m.power.watts}` : '–')],
]

/** Markdown, one row per machine, in the order of the registry. */
export function machineTable(machines: readonly Machine[]): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`
  const rule = columns.map((_, index) => (index < 2 ? '---' : '---:'))
  return [columns.map(([title]) => title), rule, ...machines.map((m) => columns.map(([, value]) => value(m)))]
    .map(row)
    .join('\n')
}
