/** If, Loop and Scan: subgraphs that are entered. */
import type {Call, Handler, Handlers} from '../call.ts'
import type {OnnxGraph} from '../types.ts'
import {Mistake, type Value} from '../values.ts'

function bodyOf(call: Call, name: string): OnnxGraph {
  const graph = call.attribute(name)?.graph
  if (!graph) throw new Mistake(`has no ${name}`)
  return graph
}

/** A known condition takes its branch; an unknown one the branch with more work, which is said. */
const branch: Handler = (call) => {
  const [then, other] = [bodyOf(call, 'then_branch'), bodyOf(call, 'else_branch')]
  const known = call.value(0).data?.[0]
  if (known !== undefined) return call.around.subgraph(known !== 0 ? then : other, [], 1, known !== 0 ? 'then' : 'else')
  const larger = call.around.attempt(then, []) >= call.around.attempt(other, []) ? then : other
  call.around.warn(
    'branch-unknown',
    'the condition of an If is not known before a run: the branch with more work is counted',
  )
  return call.around.subgraph(larger, [], 1, larger === then ? 'then' : 'else')
}

/** Forgets the numbers of a value that changes from step to step. */
function varying(call: Call, value: Value): Value {
  return {...call.around.fresh(value.storage.name, value.type, value.shape, null, 'run'), storage: value.storage}
}

/** A trip count that is known; the body keeps its condition. Loops that end on data are counted once, and said. */
const loop: Handler = (call) => {
  const body = bodyOf(call, 'body')
  const trips = call.inputs[0]?.data?.[0]
  const bounded = trips !== undefined && Number.isSafeInteger(trips) && trips >= 0 && trips < 2 ** 31
  if (!bounded) {
    call.around.warn('loop-unknown', 'the number of steps of a Loop is not known before a run: one step is counted')
  }
  const times = bounded ? trips : 1
  const carried = call.inputs.slice(2).map((_, i) => varying(call, call.value(i + 2)))
  const step = call.around.fresh('step', 7, [], null, 'run')
  const condition = call.around.fresh('condition', 9, [], null, 'run')
  const results = times === 0 ? [] : call.around.subgraph(body, [step, condition, ...carried], times, 'body').slice(1)
  const states = carried.map((value, i) => results[i] ?? value)
  const grows = states.some(
    (value, i) => carried[i]!.shape && value.shape && String(value.shape) !== String(carried[i]!.shape),
  )
  if (grows && times > 1) {
    call.around.warn('loop-grows', 'a tensor grows from step to step of a Loop: every step is counted as the first')
  }
  const scans = results.slice(carried.length).map((value, i) => {
    const shape = bounded && value.shape ? [times, ...value.shape] : null
    return call.make(shape, value.type, null, carried.length + i)
  })
  return [...states, ...scans]
}

/** One step per element of the scanned axis. */
const scan: Handler = (call) => {
  const body = bodyOf(call, 'body')
  const count = call.int('num_scan_inputs', 0)
  // opset 8 had a batch axis and lengths first: nothing exports it any more
  const total = call.inputs.length
  if (call.opset < 9 || count < 1 || count > total)
    throw new Mistake(`${count} scanned of ${total} inputs, opset ${call.opset}`)
  const axes = call.ints('scan_input_axes') ?? []
  const inputs = call.inputs.map((_, i) => call.value(i))
  const states = inputs.slice(0, total - count).map((value) => varying(call, value))
  let steps = 1
  const slices = inputs.slice(total - count).map((value, i) => {
    const shape = call.shape(total - count + i)
    const axis = (axes[i] ?? 0) < 0 ? axes[i]! + shape.length : (axes[i] ?? 0)
    if (axis >= shape.length) throw new Mistake(`scans axis ${axis} of rank ${shape.length}`)
    steps = shape[axis]!
    return call.around.fresh(
      value.storage.name,
      value.type,
      shape.filter((_, d) => d !== axis),
      null,
      'run',
    )
  })
  const results = call.around.subgraph(body, [...states, ...slices], steps, 'body')
  const outputs = results.slice(states.length).map((value, i) => {
    const axis = call.ints('scan_output_axes')?.[i] ?? 0
    const shape = value.shape && [...value.shape]
    shape?.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, steps)
    return call.make(shape, value.type, null, states.length + i)
  })
  return [...results.slice(0, states.length), ...outputs]
}

export const control: Handlers = {If: branch, Loop: loop, Scan: scan}
