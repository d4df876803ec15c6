/** Every family of configurations beyond the dense ones: published parameter counts, and the built-in model's dimensions. */
import {readFileSync} from 'node:fs'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {families} from '../../../src/analysis/importers/hf/families.ts'
import {parseConfig} from '../../../src/analysis/importers/hf-config.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {standard} from '../support/workloads.ts'

type Json = Record<string, unknown>
const read = (name: string): Json =>
  JSON.parse(readFileSync(new URL(`../../fixtures/hf/${name}.json`, import.meta.url), 'utf8')) as Json
const graph = (model: ModelDef) => buildGraph(model, standard(model, 1))

const cases = [
  ['mixtral-8x7b', 'mixtral-8x7b', 46_702_792_704, []],
  ['mixtral-8x22b', 'mixtral-8x22b', 140_630_071_296, []],
  ['deepseek-v3', 'deepseek-v3', 671_026_419_200, ['prediction-head-ignored']],
  // the hub's count of each repository's tensors
  ['deepseek-v2', null, 235_741_434_880, []],
  ['deepseek-v2-lite', null, 15_706_484_224, []],
  ['qwen1.5-moe-a2.7b', null, 14_315_784_192, []],
  ['qwen3-8b', 'qwen3-8b', 8_190_735_360, []],
  ['qwen3-30b-a3b', 'qwen3-30b-a3b', 30_532_122_624, []],
  ['gemma-2-9b', 'gemma-2-9b', 9_241_705_984, []],
  // text_config leaves out what the class has as its default; each is said
  ['gemma-3-4b', 'gemma-3-4b', 3_880_263_168, ['text-only', ...Array.from({length: 5}, () => 'config-default')]],
  ['gemma-3-12b', 'gemma-3-12b', 11_766_034_176, ['text-only', ...Array.from({length: 3}, () => 'config-default')]],
  ['gemma-3-1b', null, 999_885_952, []],
  ['phi-3-mini-4k', 'phi-3-mini', 3_821_079_552, []],
  ['gpt-oss-20b', 'gpt-oss-20b', 20_914_757_184, []],
  ['gpt-oss-120b', 'gpt-oss-120b', 116_829_156_672, []],
  ['llama-4-scout', 'llama-4-scout', 107_769_861_120, ['text-only']],
  ['mamba2-130m', 'mamba2-130m', 128_989_632, []],
  ['mamba2-2.7b', 'mamba2-2.7b', 2_702_599_680, []],
  ['t5-base', 't5-base', 222_903_552, []],
  ['whisper-base', 'whisper-base', 72_593_920, []],
  ['whisper-large-v3', 'whisper-large-v3', 1_543_490_560, []],
  // image classifiers have torchvision's parameters (MobileNetV2 one more label: 1,281 weights)
  ['vit-base-patch16-224', 'vit-b-16', 86_567_656, []],
  ['swin-tiny-patch4-window7-224', 'swin-t', 28_288_354, []],
  ['convnext-tiny-224', 'convnext-tiny', 28_589_128, []],
  ['resnet-50', 'resnet50', 25_557_032, []],
  ['mobilenet-v2-1.0-224', null, 3_504_872 + 1281, []],
  ['efficientnet-b0', 'efficientnet-b0', 5_288_548, []],
  ['sd-1.5-unet', null, 859_520_964, []],
] as const

describe('published configurations', () => {
  it.each(cases)('%s', (file, id, parameters, codes) => {
    const {model, warnings} = parseConfig(read(file), `${file}.json`)
    expect(warnings.map((warning) => warning.code)).toEqual(codes)
    expect(parameterCount(graph(model)).total).toBe(parameters)
    validateGraph(graph(model))
    if (id === null) return
    const builtIn: ModelDef = models[id]
    expect(model.architecture).toBe(builtIn.architecture)
    expect(model.spec).toEqual(builtIn.spec)
    expect(model.dtype).toBe(builtIn.dtype)
  })

  it('there is one of every family', () => {
    const dense = ['gpt2', 'bert', 'llama', 'mistral', 'qwen2']
    const inside = (config: Json) => (config.text_config as Json | undefined)?.model_type
    const seen = cases.flatMap(([file]) => [read(file).model_type, read(file)._class_name, inside(read(file))])
    expect(Object.keys(families).filter((name) => !seen.includes(name) && !dense.includes(name))).toEqual([])
  })
})

describe('image models', () => {
  const parameters = (config: Json) => parameterCount(graph(parseConfig(config, 'x').model)).total

  it.each([
    ['b1', 1.0, 1.1, 240, 7_794_184, 0.687],
    ['b2', 1.1, 1.2, 288, 9_109_994, 1.088],
    ['b3', 1.2, 1.4, 300, 12_233_232, 1.827],
    ['b4', 1.4, 1.8, 380, 19_341_616, 4.394],
    ['b7', 2.0, 3.1, 600, 66_347_960, 37.746],
  ])('EfficientNet-%s has the parameters and the GMAC that torchvision publishes', (_, width, depth, image, count, gmac) => {
    const scaled = {...read('efficientnet-b0'), width_coefficient: width, depth_coefficient: depth, image_size: image}
    expect(parameters(scaled)).toBe(count)
    const {nodes} = graph(parseConfig(scaled, 'x').model)
    const macs = nodes.reduce((sum, {cost, repeat}) => sum + cost.macs * repeat, 0)
    expect((macs / 1e9).toFixed(3)).toBe(gmac.toFixed(3))
  })

  it('ResNet of both blocks, Swin and ViT of other sizes', () => {
    const basic = {layer_type: 'basic', hidden_sizes: [64, 128, 256, 512]}
    expect(parameters({...read('resnet-50'), ...basic, depths: [2, 2, 2, 2]})).toBe(11_689_512)
    expect(parameters({...read('resnet-50'), ...basic})).toBe(21_797_672)
    expect(parameters({...read('resnet-50'), depths: [3, 8, 36, 3]})).toBe(60_192_808)
    const base = {embed_dim: 128, depths: [2, 2, 18, 2], num_heads: [4, 8, 16, 32]}
    expect(parameters({...read('swin-tiny-patch4-window7-224'), ...base})).toBe(87_768_224)
    expect(parameters({...read('vit-base-patch16-224'), image_size: 384})).toBe(86_859_496)
    const labels = {num_labels: undefined, id2label: {0: 'cat', 1: 'dog', 2: 'cow'}}
    expect(parameters({...read('resnet-50'), ...labels})).toBe(25_557_032 - 997 * 2049)
  })

  it('the U-Net of Stable Diffusion is the built-in one', () => {
    const {model} = parseConfig(read('sd-1.5-unet'), 'x')
    expect(model.architecture).toBe('sd-unet')
    expect(model.spec).toEqual(models['sd-1.5-unet'].spec)
  })

  it.each([
    ['swin-tiny-patch4-window7-224', {depths: [2, 2, 5, 2]}, /depths: 5 blocks of stage 3/],
    ['swin-tiny-patch4-window7-224', {num_heads: [3, 6, 12]}, /num_heads: 3 stages where depths has 4/],
    ['resnet-50', {hidden_sizes: [64, 128, 256, 512]}, /hidden_sizes: of bottleneck nets \[256, 512, 1024, 2048\]/],
    ['convnext-tiny-224', {depths: [3, -3, 9, 3]}, /depths: -3 at place 1/],
    ['vit-base-patch16-224', {patch_size: 15}, /patch_size: patches of 15 pixels do not divide/],
    ['vit-base-patch16-224', {image_size: 1e9}, /image_size: 1000000000 pixels/],
    ['efficientnet-b0', {width_coefficient: 0}, /width_coefficient: 0 is not a number above 0/],
    ['sd-1.5-unet', {up_block_types: Array(4).fill('UpBlock2D')}, /up_block_types: does not mirror/],
    ['sd-1.5-unet', {use_linear_projection: true}, /use_linear_projection: true is not supported/],
  ] as const)('%s with %j is refused by name', (file, change, message) => {
    expect(() => parseConfig({...read(file), ...change}, 'x')).toThrow(message)
  })

  it('another head is said', () => {
    const {warnings} = parseConfig({...read('vit-base-patch16-224'), architectures: ['ViTModel']}, 'x')
    expect(warnings.map(({code}) => code)).toEqual(['other-head'])
  })
})

describe('what a file says', () => {
  const groups = (config: Json) => {
    const {model} = parseConfig(config, 'x')
    return model.architecture === 'transformer' ? model.spec.groups : undefined
  }

  it('windows: every layer, the upper ones, or the listed ones', () => {
    expect(groups(read('mistral-7b-v0.1'))).toEqual([{name: '', layers: 32, window: 4096}])
    const qwen = {...read('qwen3-8b'), use_sliding_window: true, sliding_window: 4096, max_window_layers: 30}
    expect(groups(qwen)).toEqual([
      {name: 'global', layers: 30},
      {name: 'local', layers: 6, window: 4096},
    ])
    const listed = {...read('gpt-oss-20b'), num_hidden_layers: 3, layer_types: Array(3).fill('full_attention')}
    expect(groups(listed)).toEqual([{name: 'global', layers: 3}])
  })

  it('Llama 4: mixtures in every second layer', () => {
    const scout = read('llama-4-scout')
    const text = {...(scout.text_config as Json), interleave_moe_layer_step: 2, num_hidden_layers: 8}
    expect(groups({...scout, text_config: text})).toEqual([
      {name: 'chunked-dense', layers: 4, chunk: 8192, dense: true},
      {name: 'chunked', layers: 2, chunk: 8192},
      {name: 'global', layers: 2, positionless: true},
    ])
  })

  it('a part of each head turns', () => {
    const {model} = parseConfig({...read('phi-3-mini-4k'), partial_rotary_factor: 0.75}, 'x')
    expect(model.architecture === 'transformer' && model.spec.rotary).toBe(72)
    const rope = graph(model).nodes.find((node) => node.id === 'layers.attn.rope')!
    expect(rope.dims).toMatchObject({headDim: 72, plain: 24})
  })

  it('T5 1.1: gated, with a head of its own', () => {
    const {model} = parseConfig({...read('t5-base'), feed_forward_proj: 'gated-gelu', tie_word_embeddings: false}, 'x')
    const ids = graph(model).nodes.map((node) => node.id)
    expect(ids).toContain('decoder.layers.mlp.gate')
    expect(ids).not.toContain('decoder.scale')
  })
})

describe('mistakes', () => {
  const base = (name: string, change: Json) => ({...read(name), ...change})
  it.each([
    ['mixtral-8x7b', {num_experts_per_tok: 9}, '9 of 8 experts cannot be chosen'],
    ['qwen3-30b-a3b', {decoder_sparse_step: 2}, 'decoder_sparse_step: 2 is not supported'],
    ['qwen3-30b-a3b', {mlp_only_layers: [0]}, 'mlp_only_layers: an array is not supported'],
    ['deepseek-v3', {first_k_dense_replace: 62}, '62 of 61 layers cannot be dense'],
    ['deepseek-v3', {scoring_func: 'softmax'}, 'scoring_func: "softmax" is not one of sigmoid'],
    ['deepseek-v3', {qk_rope_head_dim: 63}, 'qk_rope_head_dim: 63 is odd'],
    ['gemma-2-9b', {hidden_activation: 'tanh'}, 'hidden_activation: "tanh" is not one of'],
    ['gemma-2-9b', {attn_logit_softcapping: -1}, 'attn_logit_softcapping: -1 is not a positive number'],
    ['gemma-3-4b', {text_config: 7}, 'text_config: 7 is not an object'],
    ['gpt-oss-20b', {layer_types: ['full_attention']}, 'layer_types: an array does not name each of 24 layers'],
    [
      'gpt-oss-20b',
      {num_hidden_layers: 1e9, layer_types: null},
      'num_hidden_layers: 1000000000 layers of several kinds',
    ],
    ['phi-3-mini-4k', {partial_rotary_factor: 2}, 'partial_rotary_factor: 2 is not a number above 0'],
    ['mamba2-2.7b', {num_heads: 81}, 'num_heads: 81 heads of 64 are not expand × hidden_size = 5120'],
    ['t5-base', {feed_forward_proj: 'tanh'}, 'feed_forward_proj: "tanh" is not one of'],
    ['whisper-base', {decoder_ffn_dim: 1}, 'decoder_ffn_dim: 1 is not encoder_ffn_dim = 2048'],
  ] as const)('%s %o', (name, change, message) => {
    expect(() => parseConfig(base(name, change), 'x')).toThrow(message)
  })

  it('any value in any field is refused by name or makes a sound model', () => {
    const bases = cases.map(([file]) => read(file))
    const field = fc.constantFrom(...bases.flatMap((config, i) => Object.keys(config).map((key) => [i, key] as const)))
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
      {numRuns: 300},
    )
  })
})
