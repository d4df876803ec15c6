/** Image classifiers, and the U-Net of latent diffusion. */
import type {InvertedStage, MobilenetSpec} from '../../architectures/mobilenet.ts'
import type {Warning} from '../../errors.ts'
import {mobilenetV2} from '../../models/mobilenet-v2.ts'
import {show} from '../show.ts'
import {family} from './family.ts'
import {type Config, choice, fail, flag, get, optionalSize, size} from './fields.ts'
import {sizeOr} from './shared.ts'

/** Stages of a net: published ones have at most a dozen. */
const MAX_STAGES = 32

/** A list of whole numbers from 1 on, or one for all of them. */
function sizes(config: Config, field: string, example: readonly number[]): number[] {
  const value = get(config, field)
  if (value === undefined || value === null)
    fail(config, field, `missing; a config of this kind has it, for example [${example.join(', ')}]`)
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_STAGES)
    fail(config, field, `${show(value)} is not a list of 1 to ${MAX_STAGES} sizes`)
  return value.map((one: unknown, i) => {
    if (typeof one !== 'number' || !Number.isInteger(one) || one < 1 || one > 1e6)
      fail(config, field, `${show(one)} at place ${i} is not a whole number from 1 to 1,000,000`)
    return one
  })
}

/** Lists that describe the same stages. */
function alike<K extends string>(config: Config, lists: Readonly<Record<K, readonly number[]>>): void {
  const [[first, stages], ...others] = Object.entries(lists) as [[K, readonly number[]], ...[K, readonly number[]][]]
  for (const [field, list] of others)
    if (list.length !== stages.length) fail(config, field, `${list.length} stages where ${first} has ${stages.length}`)
}

/** Only one value is what the architecture computes. */
function only(config: Config, field: string, value: unknown, absent: unknown = value): void {
  const stated = get(config, field) ?? absent
  if (stated !== value) fail(config, field, `${show(stated)} is not supported: ${show(value)} is`)
}

/** Classes: the entries of `id2label`, or their number. */
function classes(config: Config, warnings: Warning[]): number {
  const labels = get(config, 'id2label')
  if (typeof labels === 'object' && labels !== null && !Array.isArray(labels)) {
    const count = Object.keys(labels).length
    if (count > 0) return count
  }
  // the class's default
  return sizeOr(config, 'num_labels', 2, warnings)
}

/** The side of the images where it is not the usual one of the architecture. */
const imageOf = (config: Config, absent: number): {image?: number} => {
  const image = optionalSize(config, ['image_size']) ?? absent
  if (image > 16_384) fail(config, 'image_size', `${image} pixels: at most 16384 are read`)
  return image === 224 ? {} : {image}
}

const vit = family('vit', (config, warnings) => {
  only(config, 'qkv_bias', true)
  only(config, 'num_channels', 3)
  choice(config, ['hidden_act'], {gelu: 'gelu'}, 'gelu')
  const [hidden, heads] = [size(config, ['hidden_size'], 768), size(config, ['num_attention_heads'], 12)]
  if (hidden % heads !== 0) fail(config, 'num_attention_heads', `${heads} heads do not divide hidden_size = ${hidden}`)
  const {image = 224} = imageOf(config, 224)
  const patch = sizeOr(config, 'patch_size', 16, warnings)
  if (image % patch !== 0) fail(config, 'patch_size', `patches of ${patch} pixels do not divide image_size = ${image}`)
  return {
    ...{patch, layers: size(config, ['num_hidden_layers'], 12), hidden, heads},
    ...{ffn: size(config, ['intermediate_size'], 3072), image, classes: classes(config, warnings)},
  }
})

const swin = family('swin', (config, warnings) => {
  only(config, 'qkv_bias', true)
  only(config, 'num_channels', 3)
  only(config, 'mlp_ratio', 4)
  only(config, 'use_absolute_embeddings', false)
  choice(config, ['hidden_act'], {gelu: 'gelu'}, 'gelu')
  const [blocks, heads] = [sizes(config, 'depths', [2, 2, 6, 2]), sizes(config, 'num_heads', [3, 6, 12, 24])]
  alike(config, {depths: blocks, num_heads: heads})
  const hidden = size(config, ['embed_dim'], 96)
  blocks.forEach((count, i) => {
    if (count % 2 !== 0)
      fail(config, 'depths', `${count} blocks of stage ${i + 1}: plain and shifted ones come in pairs`)
    if ((hidden * 2 ** i) % heads[i]! !== 0)
      fail(config, 'num_heads', `${heads[i]} heads do not divide the ${hidden * 2 ** i} channels of stage ${i + 1}`)
  })
  return {
    ...{patch: sizeOr(config, 'patch_size', 4, warnings), hidden, blocks, heads},
    ...{
      window: sizeOr(config, 'window_size', 7, warnings),
      classes: classes(config, warnings),
      ...imageOf(config, 224),
    },
  }
})

const convnext = family('convnext', (config, warnings) => {
  only(config, 'num_channels', 3)
  only(config, 'patch_size', 4)
  choice(config, ['hidden_act'], {gelu: 'gelu'}, 'gelu')
  const scale = get(config, 'layer_scale_init_value') ?? 1e-6
  if (typeof scale !== 'number' || !(scale > 0))
    fail(config, 'layer_scale_init_value', `${show(scale)} is not supported: blocks have a scale per channel here`)
  const [channels, blocks] = [sizes(config, 'hidden_sizes', [96, 192, 384, 768]), sizes(config, 'depths', [3, 3, 9, 3])]
  alike(config, {hidden_sizes: channels, depths: blocks})
  return {channels, blocks, classes: classes(config, warnings), ...imageOf(config, 224)}
})

const resnet = family('resnet', (config, warnings) => {
  only(config, 'num_channels', 3)
  only(config, 'embedding_size', 64)
  only(config, 'downsample_in_first_stage', false)
  only(config, 'downsample_in_bottleneck', false)
  choice(config, ['hidden_act'], {relu: 'relu'}, 'relu')
  const block = choice(config, ['layer_type'], {basic: 'basic', bottleneck: 'bottleneck'} as const, 'bottleneck')
  const [out, counts] = [sizes(config, 'hidden_sizes', [256, 512, 1024, 2048]), sizes(config, 'depths', [3, 4, 6, 3])]
  const [a, b, c, d] = counts
  const first = block === 'bottleneck' ? 256 : 64
  if (out.length !== 4 || out.some((channels, i) => channels !== first * 2 ** i))
    fail(config, 'hidden_sizes', `of ${block} nets [${[1, 2, 4, 8].map((n) => n * first).join(', ')}] is supported`)
  alike(config, {hidden_sizes: out, depths: counts})
  return {block, blocks: [a!, b!, c!, d!] as const, groups: 1, groupWidth: 64, classes: classes(config, warnings)}
})

/** The nearest multiple, and never less than nine tenths of the channels (both nets round so). */
function divisible(channels: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2) / divisor) * divisor)
  return rounded < 0.9 * channels ? rounded + divisor : rounded
}

function factor(config: Config, field: string): number {
  const value = get(config, field) ?? 1
  if (typeof value !== 'number' || !(value > 0 && value <= 100))
    fail(config, field, `${show(value)} is not a number above 0, at most 100`)
  return value
}

const mobilenetV2Family = family('mobilenet', (config, warnings): MobilenetSpec => {
  only(config, 'num_channels', 3)
  only(config, 'expand_ratio', 6)
  only(config, 'first_layer_is_expansion', true)
  only(config, 'output_stride', 32)
  choice(config, ['hidden_act'], {relu6: 'relu6'}, 'relu6')
  const multiplier = factor(config, 'depth_multiplier')
  const divisor = optionalSize(config, ['depth_divisible_by']) ?? 8
  const least = optionalSize(config, ['min_depth']) ?? 8
  const scaled = (channels: number) => Math.max(least, divisible(Math.round(channels * multiplier), divisor))
  const {spec} = mobilenetV2
  return {
    ...spec,
    stem: scaled(spec.stem),
    stages: spec.stages.map((stage) => ({...stage, channels: scaled(stage.channels)})),
    head: flag(config, 'finegrained_output', true) && multiplier < 1 ? spec.head : scaled(spec.head),
    classes: classes(config, warnings),
    ...imageOf(config, 224),
  }
})

const efficientnet = family('mobilenet', (config, warnings): MobilenetSpec => {
  only(config, 'num_channels', 3)
  only(config, 'squeeze_expansion_ratio', 0.25)
  choice(config, ['hidden_act'], {swish: 'silu', silu: 'silu'}, 'silu')
  const lists = {
    out_channels: sizes(config, 'out_channels', [16, 24, 40, 80, 112, 192, 320]),
    kernel_sizes: sizes(config, 'kernel_sizes', [3, 3, 5, 3, 5, 5, 3]),
    strides: sizes(config, 'strides', [1, 2, 2, 2, 1, 2, 1]),
    num_block_repeats: sizes(config, 'num_block_repeats', [1, 2, 2, 3, 3, 4, 1]),
    expand_ratios: sizes(config, 'expand_ratios', [1, 6, 6, 6, 6, 6, 6]),
  }
  alike(config, lists)
  const [width, depth] = [factor(config, 'width_coefficient'), factor(config, 'depth_coefficient')]
  const divisor = optionalSize(config, ['depth_divisor']) ?? 8
  const stages = lists.out_channels.map((channels, i): InvertedStage => {
    const kernel = lists.kernel_sizes[i]!
    if (kernel % 2 === 0 || kernel > 15) fail(config, 'kernel_sizes', `${kernel} is not an odd size up to 15`)
    return {
      expand: lists.expand_ratios[i]!,
      channels: divisible(channels * width, divisor),
      blocks: Math.ceil(lists.num_block_repeats[i]! * depth),
      stride: lists.strides[i]!,
      kernel,
    }
  })
  return {
    stem: divisible(32 * width, divisor),
    stages,
    head: divisible(1280 * width, divisor),
    activation: 'silu',
    squeeze: true,
    classes: classes(config, warnings),
    ...imageOf(config, 600),
  }
})

/** diffusers: its files name a class where others have a `model_type`. */
const unet = family('sd-unet', (config) => {
  only(config, 'use_linear_projection', false)
  only(config, 'class_embed_type', null, null)
  only(config, 'addition_embed_type', null, null)
  const channels = sizes(config, 'block_out_channels', [320, 640, 1280, 1280])
  const types = (field: string) => {
    const value = get(config, field)
    if (!Array.isArray(value) || value.length !== channels.length)
      fail(config, field, `${show(value)} does not name each of ${channels.length} levels`)
    return value.map((type: unknown) => {
      const known = /^(CrossAttn)?(Down|Up)Block2D$/.exec(String(type))
      return known ? known[1] !== undefined : fail(config, field, `${show(type)} is not supported`)
    })
  }
  const attention = types('down_block_types')
  if (
    types('up_block_types')
      .reverse()
      .some((has, i) => has !== attention[i])
  )
    fail(config, 'up_block_types', 'does not mirror down_block_types')
  const heads = optionalSize(config, ['num_attention_heads', 'attention_head_dim']) ?? 8
  const groups = optionalSize(config, ['norm_num_groups']) ?? 32
  for (const count of channels)
    if (count % heads !== 0 || count % groups !== 0)
      fail(config, 'block_out_channels', `${count} channels are not divided by ${heads} heads and ${groups} groups`)
  return {
    ...{latent: size(config, ['in_channels'], 4), scale: 8, channels, attention, heads, groups},
    ...{blocks: optionalSize(config, ['layers_per_block']) ?? 2, time: 4 * channels[0]!},
    text: {width: size(config, ['cross_attention_dim'], 768), tokens: 77},
  }
})

export const images = {
  vit,
  swin,
  convnext,
  resnet,
  mobilenet_v2: mobilenetV2Family,
  efficientnet,
  UNet2DConditionModel: unet,
} as const
