import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  findMachine,
  findModel,
  findOperator,
  listMachines,
  listModels,
  listOperators,
  nearest,
} from '../../src/analysis/catalog.ts'
import {listSchema} from '../../src/analysis/document/list.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import {failure} from './support/failure.ts'

describe('names', () => {
  it('finds everything that is registered', () => {
    for (const id of Object.keys(models)) expect(findModel(id).id).toBe(id)
    for (const id of Object.keys(machines)) expect(findMachine(id).id).toBe(id)
    for (const kind of Object.keys(ops)) expect(findOperator(kind).kind).toBe(kind)
  })

  it('finds models in any case, and as torchvision writes them', () => {
    for (const [asked, id] of [
      ['vgg16_bn', 'vgg16-bn'],
      ['resnext50_32x4d', 'resnext50-32x4d'],
      ['squeezenet1_0', 'squeezenet1-0'],
      ['vit_b_16', 'vit-b-16'],
      ['ResNet18', 'resnet18'],
      ['Llama-3-8B', 'llama-3-8b'],
    ] as const)
      expect(findModel(asked).id).toBe(id)
  })

  it.each([
    [findModel, 'llama3-8b', 'unknown-model', 'llama-3-8b'],
    [findModel, 'GPT-2', 'unknown-model', 'gpt2'],
    [findModel, 'mistral', 'unknown-model', 'mistral-7b'],
    [findMachine, 'h100', 'unknown-machine', 'h100-sxm'],
    [findMachine, 'H100_SXM', 'unknown-machine', 'h100-sxm'],
    [findOperator, 'layer-norm', 'unknown-operator', 'layernorm'],
    [findOperator, 'sofmax', 'unknown-operator', 'softmax'],
  ] as const)('%o("%s") names the nearest', (find, asked, code, expected) => {
    const error = failure(() => find(asked))
    expect(error.code).toBe(code)
    expect(error.exitCode).toBe(3)
    expect(error.message).toContain(asked)
    expect(error.suggestions[0]).toContain(expected)
    expect(error.suggestions.at(-1)).toMatch(/`perf (model|machine|op) list`/)
  })

  it('puts the same name but for punctuation first, and says nothing about nonsense', () => {
    expect(nearest('llama 3 70B', Object.keys(models))[0]).toBe('llama-3-70b')
    expect(nearest('qqqqqqqqqqqqqqqqqqqq', Object.keys(models))).toEqual([])
    expect(nearest('///', Object.keys(models))).toEqual([])
    // a short name that shares no letter is none that was meant
    expect(nearest('q', ['m', 'n', 'bias'])).toEqual([])
    expect(nearest('gpu', ['cpu', 'webgpu'])).toEqual(['cpu', 'webgpu'])
  })

  it.each(['__proto__', 'constructor', 'toString', ''])('does not know %j', (name) => {
    expect(failure(() => findModel(name)).code).toBe('unknown-model')
    expect(failure(() => findMachine(name)).code).toBe('unknown-machine')
    expect(failure(() => findOperator(name)).code).toBe('unknown-operator')
  })

  it('answers any text with a bounded message on one line', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary', maxLength: 5000}), (name) => {
        fc.pre(!Object.hasOwn(models, name))
        const {message} = failure(() => findModel(name))
        expect(message.length).toBeLessThan(600)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
        expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
      }),
    )
  })
})

describe('lists', () => {
  it('hold everything and satisfy their schema', () => {
    const lists = [listModels(), listMachines(), listOperators()]
    for (const list of lists) expect(listSchema.parse(list)).toEqual(list)
    expect(lists.map((list) => list.items.length)).toEqual([models, machines, ops].map((r) => Object.keys(r).length))
  })

  it('a machine of the user comes first and replaces the built-in one of its name', () => {
    const own = {...machines.l4, name: 'mine'}
    const {items} = listMachines([own])
    expect(items[0]).toMatchObject({id: 'l4', name: 'mine'})
    expect(items.filter((item) => item.id === 'l4')).toHaveLength(1)
  })
})
