/** Flags without an effect. */
import type {CompressionSummary} from './document/compression.ts'
import type {Warning} from './errors.ts'
import type {Graph} from './graph.ts'
import type {ModelDef} from './models/types.ts'
import type {Workload} from './workload.ts'

const passFlags: Readonly<Record<CompressionSummary[number]['pass'], string>> = {
  'prune-heads': '--prune heads',
  'prune-channels': '--prune channels',
  'low-rank': '--low-rank',
  'conv-im2col': '--conv-algorithm im2col',
  'conv-winograd': '--conv-algorithm winograd',
  'prune-weights': '--prune weights',
  quantize: '--quantize',
}

/** What was asked for and changes no figure: as good as a flag that was not read, unless it is said. */
export function idle(model: ModelDef, work: Workload, graph: Graph, passes: CompressionSummary): Warning[] {
  const flags: string[] = []
  const cacheless = work.phase === 'forward' || work.phase === 'train'
  if (cacheless && work.dtype.kv !== work.dtype.activations)
    flags.push(`--kv-dtype ${work.dtype.kv} (${work.phase === 'train' ? 'training' : model.id} has no KV cache)`)
  if (work.phase === 'forward' && work.logits === 'all') flags.push(`--logits all (${model.id} has no LM head)`)
  const weights = graph.tensors.filter(({role}) => role === 'weight')
  const nowhere = (work.training?.freeze ?? []).filter(
    (name) => !weights.some((weight) => weight.name.startsWith(name)),
  )
  if (nowhere.length > 0) flags.push(`--freeze ${nowhere.join(',')} (no weight has such a name)`)
  for (const {pass, before, after} of passes)
    if (Object.entries(before).every(([figure, value]) => after[figure as keyof typeof after] === value))
      flags.push(`${passFlags[pass]} (${model.id} has no operator that it changes)`)
  return flags.map((flag) => ({code: 'changes-nothing', message: `this changes nothing: ${flag}`}))
}
