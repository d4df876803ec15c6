/** Flags that mean the same everywhere, one definition each. Values are checked by the engine, which names them. */
import * as Flags from '@oclif/core/flags'
import {AnalysisError} from '../../analysis/errors.ts'
import {parseQuantity} from '../../analysis/units.ts'

export const dtypeNames = ['f64', 'f32', 'bf16', 'f16', 'fp8', 'int8', 'int4'] as const
const fusionNames = ['none', 'elementwise', 'attention', 'all'] as const

/** A number as written: `Number('')` and `Number('0x10')` are not what anybody means. */
function parseNumber(text: string, flag: string, example = 'a whole number, for example 8'): number {
  if (!/^[+-]?(\d+(_\d{3})*(\.\d+)?|\.\d+)([eE][+-]?\d+)?$/.test(text.trim()))
    throw new AnalysisError('bad-flag', `${flag} ${JSON.stringify(text.slice(0, 64))} is not a number`, [
      `give ${example.replace('example ', `example ${flag} `)}`,
    ])
  return Number(text.trim().replaceAll('_', ''))
}

const number = (name: string, summary: string, group: string) =>
  Flags.custom<number>({
    summary,
    helpGroup: group,
    helpValue: 'N',
    parse: async (text) => parseNumber(text, `--${name}`),
  })()

/** A quantity with a unit, `"5 us"`; a bare number is in the base unit. */
const quantity = (name: string, unit: 's' | 'W', summary: string, group: string, example: string) =>
  Flags.custom<number>({
    summary,
    helpGroup: group,
    helpValue: `"${example}"`,
    parse: async (text) => {
      const bare = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)
      const value = bare ? Number(text) : parseQuantity(text, unit)
      if (value < 0)
        throw new AnalysisError('bad-flag', `--${name} ${text} is negative`, [`for example --${name} "${example}"`])
      return value
    },
  })()

/** A share: `0.05`, or `5%`, which only moves the decimal point. */
const share = (name: string, summary: string, group: string) =>
  Flags.custom<number>({
    summary,
    helpGroup: group,
    helpValue: '5%',
    parse: async (text) => {
      const percent = /^\s*([\d.]+)\s*%\s*$/.exec(text)
      return parseNumber(percent ? `${percent[1]}e-2` : text, `--${name}`, 'a share, for example 10%')
    },
  })()

/** Height and width in pixels: `224x224`, or one number for both. */
const image = (summary: string, group: string) =>
  Flags.custom<{height: number; width: number}>({
    summary,
    helpGroup: group,
    helpValue: 'HxW',
    parse: async (text) => {
      const match = /^\s*(\d+)(?:\s*[x×]\s*(\d+))?\s*$/i.exec(text)
      if (!match)
        throw new AnalysisError(
          'bad-flag',
          `--image ${JSON.stringify(text.slice(0, 64))} is not a height and a width`,
          ['give pixels, for example --image 224x224'],
        )
      return {height: Number(match[1]), width: Number(match[2] ?? match[1])}
    },
  })()

/** A path that is taken as it is. */
const path = (summary: string, helpValue: string, group = 'OUTPUT') =>
  Flags.string({summary, helpValue, helpGroup: group})

const workload = 'WORKLOAD'
const training = 'TRAINING'
const compression = 'COMPRESSION'
const model = 'TRANSFORMER'
const machine = 'MACHINE'
const output = 'OUTPUT'

export const workloadFlags = {
  phase: Flags.string({
    summary: 'prefill, decode or train; forward for models that do not generate',
    helpValue: 'PHASE',
    helpGroup: workload,
  }),
  batch: number('batch', 'sequences processed together (default 1)', workload),
  dim: Flags.string({
    summary: 'size of a named dimension of a model file, for example batch=8',
    helpValue: 'NAME=N',
    helpGroup: workload,
    multiple: true,
    multipleNonGreedy: true,
  }),
  'op-cost': path('costs of operators that a model file has and nobody knows: JSON', 'FILE', workload),
  seq: number('seq', "tokens processed at once (default: the model's maximum, at most 2048; 1 in decode)", workload),
  context: number('context', 'tokens already cached (default 0; 2048 in decode)', workload),
  logits: Flags.option({options: ['last', 'all'] as const, summary: 'tokens that get logits', helpGroup: workload})(),
  dtype: Flags.option({
    options: dtypeNames,
    summary: "number format (default: the model's own)",
    helpGroup: workload,
  })(),
  'weights-dtype': Flags.option({options: dtypeNames, summary: 'format of the weights', helpGroup: workload})(),
  'kv-dtype': Flags.option({options: dtypeNames, summary: 'format of the KV cache', helpGroup: workload})(),
  fusion: Flags.option({
    options: fusionNames,
    summary: 'what runs as one kernel; default attention',
    helpGroup: workload,
  })(),
  image: image("size of the image in pixels (default: the model's own)", workload),
  'src-seq': number('src-seq', "tokens of the encoder's input (default: the model's own)", workload),
  nodes: number('nodes', 'nodes of the graph (default: of the data set that the model is known for)', workload),
  edges: number('edges', 'edges of the graph, each direction counted', workload),
  features: number('features', 'features of a node', workload),
  'capacity-factor': number(
    'capacity-factor',
    'rows that every expert of a mixture computes, padded, as a multiple of the mean; more are dropped',
    workload,
  ),
  imbalance: number(
    'imbalance',
    'rows of the busiest expert as a multiple of the mean; the others wait for it',
    workload,
  ),
  count: number('count', 'devices', workload),
  tp: number('tp', 'devices that share each layer (default: all of --count)', workload),
}

export const trainingFlags = {
  optimizer: Flags.option({
    options: ['sgd', 'momentum', 'rmsprop', 'adam', 'adamw', 'adafactor'] as const,
    summary: 'how weights are updated (default adamw)',
    helpGroup: training,
  })(),
  recompute: Flags.option({
    options: ['none', 'selective', 'full', 'reversible'] as const,
    summary:
      'what backward computes again instead of keeping: the attention core, whole layers, or whole layers whose inputs follow from their outputs',
    helpGroup: training,
  })(),
  'mixed-precision': Flags.boolean({
    summary: 'bf16 weights and gradients with f32 master weights (narrow types always have them)',
    helpGroup: training,
    exclusive: ['dtype'],
  }),
  dropout: Flags.boolean({summary: 'dropout on attention and on each residual branch', helpGroup: training}),
  'sequence-parallel': Flags.boolean({
    summary: 'divide norms, dropout and residuals over the devices of --tp too',
    helpGroup: training,
  }),
  teacher: Flags.string({
    summary: 'distillation: a model that runs forward beside the step, and whose outputs the trained model learns from',
    helpValue: 'MODEL',
    helpGroup: training,
  }),
  'teacher-dtype': Flags.option({
    options: dtypeNames,
    summary: "format of the teacher (default: the teacher's own)",
    helpGroup: training,
  })(),
  lora: number('lora', 'adapters of this rank on the products of the layers, all else frozen', training),
  'lora-on': Flags.string({
    summary: 'products that have adapters: q, k, v, or last parts of operator ids such as out, up, down (default: all)',
    helpValue: 'NAME,…',
    helpGroup: training,
  }),
  freeze: Flags.string({
    summary: 'weights whose names start with one of these are not trained, for example embed,lm_head',
    helpValue: 'PREFIX,…',
    helpGroup: training,
  }),
  'offload-activations': Flags.custom<number>({
    summary: 'kept activations wait in host memory, over a link of this bandwidth',
    helpGroup: training,
    helpValue: '"64 GB/s"',
    parse: async (text) => parseQuantity(text, 'B/s'),
  })(),
}

export const compressionFlags = {
  quantize: Flags.string({
    summary:
      'fewer bits: w, a or kv, then 8, 4 or f8, then c (a scale per channel) or gN (per N values), z (zero points); [OPERATOR=] limits a rule, for example w4g128, w8c,a8c, layers.mlp=w4g128,kv8 or w4g128,layers.0=none',
    helpValue: 'RULE,…',
    helpGroup: compression,
  }),
  prune: Flags.string({
    summary:
      'fewer weights: 2:4, weights:0.5, channels:0.25 (a share of the inner channels) or heads:0.5 (of the attention heads), with [OPERATOR=]',
    helpValue: 'RULE,…',
    helpGroup: compression,
  }),
  'low-rank': Flags.string({
    summary: 'products as two of this rank, for example 256 or layers.mlp=256',
    helpValue: 'RANK',
    helpGroup: compression,
  }),
  'conv-algorithm': Flags.option({
    options: ['direct', 'im2col', 'winograd'] as const,
    summary: 'how convolutions are computed (default direct): patches through memory, or minimal filtering of 3×3 ones',
    helpGroup: compression,
  })(),
  dequantize: Flags.option({
    options: ['fused', 'separate'] as const,
    summary: 'narrow weights are widened inside the product (default) or by an operator of its own',
    helpGroup: compression,
  })(),
}

export const modelFlags = {
  layers: number('layers', 'layers (default 12)', model),
  hidden: number('hidden', 'width (default 768)', model),
  heads: number('heads', 'attention heads (default 12)', model),
  'kv-heads': number('kv-heads', 'key and value heads (default: as many as --heads)', model),
  'head-dim': number('head-dim', 'size of a head (default: hidden / heads)', model),
  ffn: number('ffn', 'width of the feed-forward layer (default: 4 × hidden)', model),
  vocab: number('vocab', 'vocabulary (default 50257)', model),
  encoder: Flags.boolean({summary: 'attend to all tokens, no LM head', helpGroup: model, exclusive: ['decoder']}),
  decoder: Flags.boolean({summary: 'causal attention and an LM head (default)', helpGroup: model}),
}

/** Of commands that take one machine. */
export const oneMachine = Flags.string({
  summary: 'machine id or file (default local)',
  helpValue: 'ID|FILE',
  helpGroup: machine,
})

export const machineFlags = {
  machine: Flags.string({
    summary: 'machine id or file; several separated by commas are ranked (default local)',
    helpValue: 'ID|FILE',
    helpGroup: machine,
  }),
  'launch-overhead': quantity('launch-overhead', 's', 'time that starting one operator takes', machine, '5 us'),
  price: number('price', 'rent of one device per hour, in its currency', machine),
  power: quantity('power', 'W', 'power of one device', machine, '700 W'),
}

export const outputFlags = {
  json: Flags.boolean({summary: 'one versioned JSON document', helpGroup: output, exclusive: ['csv', 'markdown']}),
  csv: Flags.boolean({summary: 'the table as CSV, base units', helpGroup: output, exclusive: ['markdown']}),
  markdown: Flags.boolean({summary: 'the tables as Markdown', helpGroup: output}),
  output: path('write there instead of standard output; whole or not at all', 'FILE'),
  'show-config': Flags.boolean({summary: 'print every value and where it comes from, and stop', helpGroup: output}),
  quiet: Flags.boolean({summary: 'no progress, warnings or hints', helpGroup: output}),
  'no-color': Flags.boolean({summary: 'no colour', helpGroup: output}),
}

export const reportFlag = {report: path('write an HTML page', 'FILE.html')}

export const tableFlags = {
  top: number('top', 'only the N operators that take longest', output),
  group: Flags.option({
    options: ['layer', 'kind'] as const,
    summary: 'sum the table by layer or by kind of operator',
    helpGroup: output,
  })(),
}

export {number, path, quantity, share}
