/** Distillation: the forward pass of a teacher beside the student's step. */
import type {ComputeDType} from '../dtype.ts'
import {AnalysisError} from '../errors.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import {buildGraph, type ModelDef, traitsOf} from '../models/types.ts'
import {type TensorUse, useOf} from '../ops/types.ts'
import {fuseAttention} from '../passes/fuse-attention.ts'
import type {Fusion} from '../passes/index.ts'
import {resolveWorkload, type Workload, type WorkloadOptions} from '../workload.ts'
import type {Teacher} from './options.ts'
import {type Logits, logitsOf, withoutCache} from './prepare.ts'

/** What a sample of a model is. */
function samplesOf(model: ModelDef): 'tokens' | 'images' | 'graphs' | 'samples' {
  const {positions, image, graph} = traitsOf(model)
  if (positions !== null) return 'tokens'
  if (image) return 'images'
  return graph ? 'graphs' : 'samples'
}

/** The student's batch and sizes, as far as they mean something to the teacher. */
function teacherWork({model, dtype}: Teacher, student: ModelDef, work: Workload): Workload {
  const [theirs, ours] = [samplesOf(model), samplesOf(student)]
  // a file's samples have whatever sizes it was exported with
  if (theirs !== ours && theirs !== 'samples' && ours !== 'samples') {
    throw new AnalysisError('bad-flag', `--teacher ${model.id} reads ${theirs}, ${student.id} reads ${ours}`, [
      `choose a teacher that reads ${ours}`,
    ])
  }
  const {batch, seq, tp, count, image, srcSeq, graph} = work
  const traits = traitsOf(model)
  const options: WorkloadOptions = {
    ...{phase: 'train', batch, tp, count, dtype},
    ...(traits.positions === null ? {} : {seq}),
    ...(traits.image && image ? {image} : {}),
    ...(traits.srcSeq !== undefined && srcSeq !== null ? {srcSeq} : {}),
    ...(traits.graph && graph ? graph : {}),
  }
  return resolveWorkload(model, options)
}

function logits(model: ModelDef, graph: Graph, flag: string): Logits {
  const found = graph.nodes.length > 0 ? logitsOf(graph) : null
  if (found) return found
  throw new AnalysisError(
    'bad-flag',
    `--teacher: ${model.id}${flag} has no logits over classes at its end, which distillation compares`,
    ['use a model that ends in a product with its classes or its vocabulary, or in a softmax'],
  )
}

/** The teacher's graph under names of its own, every tensor in its own type. */
function apart(graph: Graph, dtype: ComputeDType): Graph {
  const named = new Map<Tensor, Tensor>()
  const tensors = graph.tensors.map((tensor) => {
    const own = tensor.role === 'index' ? tensor.dtype : (tensor.dtype ?? dtype)
    const copy = {...tensor, name: `teacher.${tensor.name}`, dtype: own}
    named.set(tensor, copy)
    return copy
  })
  const typed = ({name, role, elements, dtype: own}: TensorUse): TensorUse =>
    useOf(name, role, elements, role === 'index' ? own : (own ?? dtype))
  const of = (tensor: Tensor) => named.get(tensor)!
  const nodes = graph.nodes.map(
    (node): Node => ({
      ...node,
      id: `teacher.${node.id}`,
      cost: {...node.cost, reads: node.cost.reads.map(typed), writes: node.cost.writes.map(typed)},
      inputs: node.inputs.map(of),
      outputs: node.outputs.map(of),
      fusedFrom: node.fusedFrom.map((id) => `teacher.${id}`),
      computes: node.computes ?? dtype,
    }),
  )
  return {nodes, tensors}
}

/** A teacher's forward pass, ready to stand before a student's. */
export interface TeacherPass {
  readonly graph: Graph
  readonly logits: Logits
}

/**
 * The forward pass of a teacher on the student's batch: nothing kept, nothing trained, statistics of norms as stored.
 * @param forward the student's graph
 * @throws AnalysisError `bad-flag` or `bad-dimension` where the two have no outputs in common, with both sizes
 */
export function teacherPass(
  teacher: Teacher,
  student: ModelDef,
  work: Workload,
  forward: Graph,
  fusion: Fusion,
): TeacherPass {
  const {model, dtype} = teacher
  let graph = withoutCache(buildGraph(model, teacherWork(teacher, student, work)))
  if (fusion === 'attention' || fusion === 'all') graph = fuseAttention.apply(graph)
  const theirs = logits(model, graph, '')
  const ours = logits(student, withoutCache(forward), ' (the student)')
  if (theirs.classes !== ours.classes || theirs.rows !== ours.rows) {
    const what = theirs.classes === ours.classes ? 'rows' : 'classes'
    const each = work.tp > 1 ? ` on each of ${work.tp} devices` : ''
    throw new AnalysisError(
      'bad-dimension',
      `--teacher ${model.id} gives ${theirs[what]} ${what}${each}, ${student.id} ${ours[what]}: distillation compares them one to one`,
      ['choose a teacher with the same vocabulary or classes and the same number of outputs per sample'],
    )
  }
  const named = apart({nodes: theirs.nodes, tensors: graph.tensors}, dtype)
  const tensor = named.tensors[theirs.tensor.index]!
  return {graph: named, logits: {...theirs, tensor, nodes: named.nodes}}
}

/** Checks a teacher against its student before anything is measured. @throws what `teacherPass` throws */
export function checkTeacher(student: ModelDef, work: Workload): void {
  const teacher = work.training?.teacher
  if (teacher) teacherPass(teacher, student, work, buildGraph(student, work), work.fusion)
}
