/** Equal layers that a rule tells apart by number: one repeated run of operators becomes several. */
import {quoted} from '../errors.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import {blockOf} from '../layers.ts'
import {type LayerRange, matches, numberedOf} from './places.ts'

/** Operators `from` to `to` (inclusive) of one repeated layer. */
interface Run {
  readonly from: number
  readonly to: number
  /** what its ids begin with: `layers`, `layers.local`, `layer1.1-2` */
  readonly block: string
  /** what stands before the number of a layer: `layers`, `layers.local`, `layer1` */
  readonly name: string
  /** number of the first layer, and how many there are */
  readonly first: number
  readonly count: number
}

/** Repeated layers, one after another. */
function runsOf(nodes: readonly Node[]): Run[] {
  const runs: Run[] = []
  for (let from = 0; from < nodes.length; ) {
    const {repeat} = nodes[from]!
    const block = repeat > 1 ? blockOf(nodes[from]!) : null
    let to = from
    if (block !== null) {
      while (nodes[to + 1]?.repeat === repeat && blockOf(nodes[to + 1]!) === block) to++
      const numbered = numberedOf(block)
      runs.push({from, to, block, name: numbered?.run ?? block, first: numbered?.from ?? 0, count: repeat})
    }
    from = to + 1
  }
  return runs
}

/** Numbers at which a run is cut: the first layer of each piece. */
function cutsOf({name, first, count}: Run, ranges: readonly LayerRange[]): number[] {
  const cuts = new Set([first])
  for (const {run, from, to} of ranges) {
    if (run !== name) continue
    const last = first + count - 1
    for (const cut of [from, to + 1]) if (cut > first && cut <= last) cuts.add(cut)
  }
  return [...cuts].sort((a, b) => a - b)
}

const labelOf = (from: number, count: number): string => (count === 1 ? `${from}` : `${from}-${from + count - 1}`)

/** One run of the pass. */
class Splitter {
  readonly tensors: Tensor[]
  readonly nodes: Node[] = []
  readonly pieces: string[] = []
  /** of what a run before wrote: what its last piece writes */
  private readonly latest = new Map<Tensor, Tensor>()
  private readonly graph: Graph

  constructor(graph: Graph) {
    this.graph = graph
    this.tensors = [...graph.tensors]
  }

  keep(node: Node): void {
    this.nodes.push({...node, inputs: node.inputs.map((tensor) => this.latest.get(tensor) ?? tensor)})
  }

  split(run: Run, cuts: readonly number[]): void {
    const {from, to, block, name, first, count} = run
    const body = this.graph.nodes.slice(from, to + 1)
    const made = new Set(body.flatMap(({outputs}) => outputs))
    const entry = body[0]!.inputs.find(({role}) => role === 'activation')
    const later = new Set(this.graph.nodes.slice(to + 1).flatMap(({inputs}) => inputs))
    const exits = [...made].filter((tensor) => tensor.role === 'activation' && later.has(tensor))
    // what a layer hands to the next: what operators behind all of them read, else the last result of that size
    const exit =
      exits.find(({elements}) => elements === entry?.elements) ??
      body.at(-1)!.outputs.find(({elements}) => elements === entry?.elements)
    let before: Tensor | undefined
    cuts.forEach((cut, i) => {
      const repeat = (cuts[i + 1] ?? first + count) - cut
      const prefix = `${name}.${labelOf(cut, repeat)}.`
      this.pieces.push(prefix)
      const own = new Map<Tensor, Tensor>()
      const renamed = (text: string) => (text.startsWith(`${block}.`) ? prefix + text.slice(block.length + 1) : text)
      const place = (tensor: Tensor): Tensor => {
        if (tensor === entry && before) return before
        // what stands outside, or is one for all layers, is shared by the pieces
        const shared = !made.has(tensor) && tensor.repeat !== count
        if (shared) return this.latest.get(tensor) ?? tensor
        const known = own.get(tensor)
        if (known) return known
        // the first piece takes the places of the run, the others come behind
        const index = i === 0 ? tensor.index : this.tensors.length
        const copy = {
          ...tensor,
          index,
          name: renamed(tensor.name),
          repeat: tensor.repeat === count ? repeat : tensor.repeat,
        }
        this.tensors[index] = copy
        own.set(tensor, copy)
        return copy
      }
      for (const node of body)
        this.nodes.push({
          ...node,
          id: renamed(node.id),
          inputs: node.inputs.map(place),
          outputs: node.outputs.map(place),
          repeat,
        })
      for (const tensor of exits) this.latest.set(tensor, own.get(tensor)!)
      before = exit && own.get(exit)
    })
  }
}

/**
 * Splits repeated layers where a place names some of them by number, so that rules can tell them apart:
 * `layers.mlp.down` × 32 becomes `layers.0.mlp.down`, `layers.1-30.mlp.down` × 30 and `layers.31.mlp.down`. The work, the
 * traffic and the memory stay as they are.
 */
export function splitLayers(graph: Graph, places: readonly (string | null)[]): Graph {
  const ranges = places.flatMap((where) => (where === null ? [] : (numberedOf(where) ?? [])))
  if (ranges.length === 0) return graph
  const runs = runsOf(graph.nodes)
  const splitter = new Splitter(graph)
  let next = 0
  graph.nodes.forEach((node, i) => {
    const run = runs[next]
    const cuts = run ? cutsOf(run, ranges) : []
    if (!run || i < run.from || cuts.length < 2) splitter.keep(node)
    else if (i === run.from) splitter.split(run, cuts)
    if (run && i === run.to) next++
  })
  const {nodes, tensors, pieces} = splitter
  return pieces.length === 0 ? graph : {...graph, nodes, tensors, pieces}
}

/**
 * Places that name no operator, each with what could be named instead: `layers.99` of 32 layers, a misspelt id.
 * @returns one sentence per place
 */
export function unplaced(graph: Graph, places: readonly string[]): string[] {
  const {nodes} = splitLayers(graph, places)
  const missing = [...new Set(places)].filter((where) => !nodes.some(({id}) => matches(where, id)))
  if (missing.length === 0) return []
  const numbered = runsOf(graph.nodes).map(({name, first, count}) => `${name}.${first} to ${name}.${first + count - 1}`)
  const starts = [...new Set(graph.nodes.map(({id}) => id.split('.')[0]!))]
  const known = (names: readonly string[]) =>
    `${names.slice(0, 6).join(', ')}${names.length > 6 ? ` and ${names.length - 6} more` : ''}`
  const layers = numbered.length > 0 ? `; layers by number: ${known(numbered)}` : ''
  return missing.map((where) => `${quoted(where)} names no operator: ids begin with ${known(starts)}${layers}`)
}
