import {readFileSync} from 'node:fs'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {parseConfig} from '../../../src/analysis/importers/hf-config.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef, type TransformerModel} from '../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {failure} from '../support/failure.ts'

type Json = Record<string, unknown>
const fixture = (name: string) => readFileSync(new URL(`../../fixtures/hf/${name}.json`, import.meta.url), 'utf8')
const llama: Json = JSON.parse(fixture('llama-3-8b'))
const gpt2: Json = JSON.parse(fixture('gpt2'))
const bert: Json = JSON.parse(fixture('bert-base-uncased'))
const mistral: Json = JSON.parse(fixture('mistral-7b-v0.2'))
const qwen: Json = JSON.parse(fixture('qwen2.5-7b'))

function graph(model: ModelDef) {
  return buildGraph(model, resolveWorkload(model, {seq: 1}))
}

/** The dimensions of a transformer that a config describes. */
function specOf(config: unknown): TransformerModel['spec'] {
  const {model} = parseConfig(config, 'x')
  if (model.architecture !== 'transformer') throw new Error(`${model.id} is a ${model.architecture}`)
  return model.spec
}
const count = (config: unknown) => parameterCount(graph(parseConfig(config, 'config.json').model)).total

function mistake(config: unknown): AnalysisError {
  const error = failure(() => parseConfig(config, 'my/config.json'))
  expect(error.message.startsWith('my/config.json: ')).toBe(true)
  return error
}

describe('published configurations', () => {
  it.each([
    ['gpt2', 124_439_808, 'gpt2'],
    ['bert-base-uncased', 109_482_240, 'bert-base'],
    ['llama-3-8b', 8_030_261_248, 'llama-3-8b'],
    ['llama-3-70b', 70_553_706_496, 'llama-3-70b'],
    ['mistral-7b-v0.2', 7_241_732_096, 'mistral-7b'],
    ['qwen2.5-7b', 7_615_616_512, 'qwen2.5-7b'],
  ] as const)('%s has %i parameters and the dimensions of the built-in model', (file, parameters, id) => {
    const {model, warnings} = parseConfig(fixture(file), `models/${file}.json`)
    expect(warnings).toEqual([])
    expect(parameterCount(graph(model)).total).toBe(parameters)
    validateGraph(graph(model))
    const builtIn: ModelDef = models[id]
    expect(model.spec).toEqual(builtIn.spec)
    expect(model.dtype).toBe(builtIn.dtype)
    expect(model.id).toBe(file)
  })

  // parameter counts: safetensors metadata of each hub repository; BERT large with pooler, without heads
  it.each([
    ['Llama 2 7B', {...llama, vocab_size: 32_000, intermediate_size: 11_008, num_key_value_heads: 32}, 6_738_415_616],
    [
      'SmolLM2 135M (tied)',
      {
        ...llama,
        hidden_size: 576,
        intermediate_size: 1536,
        num_attention_heads: 9,
        num_hidden_layers: 30,
        num_key_value_heads: 3,
        tie_word_embeddings: true,
        vocab_size: 49_152,
      },
      134_515_008,
    ],
    [
      'Mistral Nemo 12B (head_dim is not hidden ÷ heads)',
      {...mistral, hidden_size: 5120, head_dim: 128, num_hidden_layers: 40, vocab_size: 131_072},
      12_247_782_400,
    ],
    [
      'Qwen2.5 0.5B (tied)',
      {
        ...qwen,
        hidden_size: 896,
        intermediate_size: 4864,
        num_attention_heads: 14,
        num_hidden_layers: 24,
        num_key_value_heads: 2,
        tie_word_embeddings: true,
        vocab_size: 151_936,
      },
      494_032_768,
    ],
    ['GPT-2 medium', {...gpt2, n_embd: 1024, n_head: 16, n_layer: 24}, 354_823_168],
    [
      'BERT large',
      {...bert, hidden_size: 1024, intermediate_size: 4096, num_attention_heads: 16, num_hidden_layers: 24},
      335_141_888,
    ],
  ])('%s', (_, config, parameters) => expect(count(config)).toBe(parameters))

  it('an imported model gives the same analysis as the built-in one', () => {
    const {model} = parseConfig(llama, 'x')
    const [ours, theirs] = [model, models['llama-3-8b']].map((m) => analyzeModel(m, machines['h100-sxm']).result)
    expect(ours!.operators).toEqual(theirs!.operators)
    expect(ours!.totals).toEqual(theirs!.totals)
  })
})

describe('defaults of the library', () => {
  it('GPT-2: an inner size of null is four times hidden, stated it counts', () => {
    expect(specOf({...gpt2, n_inner: null}).ffn).toBe(3072)
    expect(specOf({...gpt2, n_inner: 1000}).ffn).toBe(1000)
  })

  it('GPT-2: an untied head adds a table', () =>
    expect(count({...gpt2, tie_word_embeddings: false})).toBe(124_439_808 + 50_257 * 768))

  it('GPT-2 under the general names of its fields', () => {
    const general = {
      model_type: 'gpt2',
      vocab_size: 50_257,
      hidden_size: 768,
      num_attention_heads: 12,
      num_hidden_layers: 12,
      max_position_embeddings: 1024,
    }
    expect(parseConfig(general, 'x').model.spec).toEqual(models.gpt2.spec)
  })

  it('Llama: biases of attention (all four products) and MLP, when the file says so', () => {
    const {num_key_value_heads: _, ...whole} = llama
    expect(specOf(whole).kvHeads).toBe(32)
    const biases = 32 * (4096 + 2 * 1024 + 4096)
    expect(count({...llama, attention_bias: true})).toBe(8_030_261_248 + biases)
    expect(count({...llama, mlp_bias: true})).toBe(8_030_261_248 + 32 * (2 * 14_336 + 4096))
  })

  it('Mistral: 8 key–value heads when absent, said; one per head when null', () => {
    const {num_key_value_heads: _, ...absent} = mistral
    const {warnings} = parseConfig(absent, 'x')
    expect(specOf(absent).kvHeads).toBe(8)
    expect(warnings.map((w) => w.code)).toEqual(['config-default'])
    expect(specOf({...mistral, num_key_value_heads: null}).kvHeads).toBe(32)
  })

  it('activations', () => {
    const act = (name: string) => specOf({...gpt2, activation_function: name}).activation
    expect(['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu', 'silu', 'swish'].map(act)).toEqual([
      'gelu',
      'gelu-tanh',
      'gelu-tanh',
      'relu',
      'silu',
      'silu',
    ])
  })

  it('the type: newer and older field, none, and a spelling with a prefix', () => {
    const {torch_dtype: _, ...plain} = llama
    const type = (change: Json) => parseConfig({...plain, ...change}, 'x').model.dtype
    expect([
      type({}),
      type({torch_dtype: 'float16'}),
      type({dtype: 'bfloat16'}),
      type({dtype: 'torch.float32'}),
    ]).toEqual(['f32', 'f16', 'bf16', 'f32'])
  })

  it('names the model after the file’s own name, its folder, or its family', () => {
    const id = (origin: string, change: Json = {}) => parseConfig({...llama, ...change}, origin).model.id
    expect(id('/home/me/My Model/config.json')).toBe('my-model')
    expect(id('config.json')).toBe('llama')
    expect(id('-')).toBe('llama')
    expect(id('config.json', {_name_or_path: 'meta-llama/Meta-Llama-3-8B'})).toBe('meta-llama-3-8b')
  })
})

describe('remarks', () => {
  const codes = (config: unknown) => parseConfig(config, 'x').warnings.map((w) => w.code)
  it.each([
    ['a window', JSON.parse(fixture('mistral-7b-v0.1')), []],
    ['a window that no sequence reaches', {...mistral, sliding_window: 32_768}, []],
    ['a window switched on', {...qwen, use_sliding_window: true, sliding_window: 4096}, []],
    ['quantization', {...llama, quantization_config: {bits: 4}}, ['quantization-ignored']],
    ['another head', {...llama, architectures: ['LlamaForSequenceClassification']}, ['other-head']],
    ['positions left out', {...gpt2, n_positions: undefined, n_ctx: undefined}, ['config-default']],
  ])('%s', (_, config, expected) => expect(codes(config)).toEqual(expected))
})

describe('mistakes', () => {
  it.each([
    ['n_embd', {...gpt2, n_embd: 770}, 'n_head: 12 heads do not divide n_embd = 770'],
    ['hidden', {...llama, num_attention_heads: 33}, 'num_attention_heads: 33 heads do not divide hidden_size = 4096'],
    ['kv heads', {...llama, num_key_value_heads: 5}, '5 key–value heads do not divide num_attention_heads = 32'],
    ['bert heads', {...bert, num_attention_heads: 11}, 'num_attention_heads: 11 heads do not divide'],
    ['missing', {...llama, hidden_size: undefined}, 'hidden_size: missing'],
    ['missing null', {...llama, intermediate_size: null}, 'intermediate_size: missing'],
    ['negative', {...llama, num_hidden_layers: -1}, 'num_hidden_layers: -1 is not a whole number from 1'],
    ['zero', {...llama, num_hidden_layers: 0}, 'num_hidden_layers: 0 is not'],
    ['fraction', {...llama, vocab_size: 1.5}, 'vocab_size: 1.5 is not'],
    ['huge', {...llama, vocab_size: 1e30}, 'vocab_size: 1e+30 is not'],
    ['a size of 2^60', {...llama, hidden_size: 2 ** 60}, 'hidden_size: about 1.15e+18 is not a whole number'],
    ['a name of a megabyte', {...llama, model_type: 'x'.repeat(2 ** 20)}, 'model_type: "xxx'],
    ['a field of a megabyte', {...llama, torch_dtype: 'x'.repeat(2 ** 20)}, 'torch_dtype: "xxx'],
    ['text', {...llama, vocab_size: '32000'}, 'vocab_size: "32000" is not'],
    ['array', {...llama, hidden_size: [4096]}, 'hidden_size: an array is not'],
    ['object', {...llama, hidden_size: {toString: 1}}, 'hidden_size: an object is not'],
    ['together huge', {...llama, hidden_size: 2 ** 29, intermediate_size: 1e9}, 'exact below 2^53'],
    ['odd head', {...llama, head_dim: 65}, 'head_dim: 65 is odd'],
    ['gate', {...llama, hidden_act: 'gelu'}, 'hidden_act: "gelu" is not one of silu, swish'],
    ['flag', {...llama, attention_bias: 1}, 'attention_bias: 1 is not true or false'],
    ['type', {...llama, torch_dtype: 'float7'}, 'torch_dtype: "float7" is not a known type'],
    ['relative positions', {...bert, position_embedding_type: 'relative_key'}, 'position_embedding_type'],
    ['decoder', {...bert, is_decoder: true}, 'is_decoder: true is not supported'],
    ['cross', {...gpt2, add_cross_attention: true}, 'add_cross_attention'],
    ['family', {...llama, model_type: 'lama'}, 'model_type: "lama" is not supported; the nearest is llama'],
    ['no family', {...llama, model_type: undefined}, 'model_type: missing'],
    ['family of another kind', {...llama, model_type: 7}, 'model_type: 7 is not a text'],
    ['prototype', JSON.parse('{"__proto__": {"model_type": "llama"}}'), 'model_type: missing'],
    ['constructor', {model_type: 'constructor'}, 'model_type: "constructor" is not supported'],
    ['array', [], 'the config is an array'],
    ['null', null, 'the config is null'],
    ['number text', '7', 'the config is 7'],
    ['10 MB', `{"model_type": "${'x'.repeat(1e7)}"}`, 'a config.json has at most'],
  ])('%s', (_, config, message) => {
    const error = mistake(config)
    expect(error.code).toBe('bad-config')
    expect(error.exitCode).toBe(3)
    expect(error.message).toContain(message)
    expect(error.message.length).toBeLessThan(300)
  })

  it('says where a text stops being JSON', () => {
    const error = mistake('{\n  "a": 1,\n}')
    expect(error.code).toBe('bad-json')
    expect(error.message).toContain('line 3, column 1')
  })

  it('inherited fields are no fields', () => {
    const inherited = Object.create(llama) as Json
    expect(mistake(inherited).message).toContain('model_type: missing')
  })

  it('any value in any field is refused by name or makes a sound model', () => {
    const bases = [llama, gpt2, bert, mistral, qwen]
    const field = fc.constantFrom(...bases.flatMap((base, i) => Object.keys(base).map((key) => [i, key] as const)))
    fc.assert(
      fc.property(field, fc.jsonValue({maxDepth: 2}), ([i, key], value) => {
        try {
          const {model} = parseConfig({...bases[i], [key]: value}, 'x')
          expect(Number.isSafeInteger(parameterCount(graph(model)).total)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(AnalysisError)
          expect((error as AnalysisError).code).toBe('bad-config')
        }
      }),
      {numRuns: 400},
    )
  })

  it('any text is refused without a stack trace', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const error = mistake(text)
        expect(['bad-json', 'bad-config']).toContain(error.code)
      }),
    )
  })
})
