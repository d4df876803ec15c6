/** What an architecture is: dimensions (data) and a workload → graph. */
import type {Graph} from '../graph.ts'

/** How tokens spread over experts. `null`: not said. */
export interface Routing {
  /** rows that every expert computes ÷ mean, padded; what is beyond is dropped */
  readonly capacityFactor: number | null
  /** rows of the busiest expert ÷ mean */
  readonly imbalance: number | null
}

/** The sizes of a workload that a graph depends on. An architecture takes those that mean something to it. */
export interface ModelWork {
  readonly batch: number
  /** new tokens per sequence */
  readonly seq: number
  /** cached tokens per sequence */
  readonly context: number
  readonly logits: 'last' | 'all'
  /** devices that share each layer */
  readonly tp: number
  /** pixels; `null` for models that see no image */
  readonly image: {readonly height: number; readonly width: number} | null
  /** tokens of the encoder's input; `null` for models without an encoder of their own */
  readonly srcSeq: number | null
  /** sizes of a graph; `null` for models that see none */
  readonly graph: {readonly nodes: number; readonly edges: number; readonly features: number} | null
  /** of a mixture of experts, where something is said of it */
  readonly routing?: Routing
}

/** What a workload on a model can be, and the defaults of its sizes. */
export interface ModelTraits {
  /** prefill and decode apply; otherwise there is one `forward` pass */
  readonly generates: boolean
  /** tokens a sequence may have; `null` where a sample is no sequence */
  readonly positions: number | null
  /** what the devices of `--tp` divide, by name */
  readonly shards: Readonly<Record<string, number>>
  /** key and value heads, where there are any: they are replicated over more devices than there are heads */
  readonly kvHeads?: number
  /** what is kept of the tokens before has one size however many they were: no KV cache */
  readonly constantState?: boolean
  /** what the figures of this architecture rest on besides the conventions of all, one sentence each */
  readonly assumptions?: readonly string[]
  readonly image?: ModelWork['image']
  readonly srcSeq?: number
  readonly graph?: ModelWork['graph']
  /** experts, and how many of them a token chooses */
  readonly mixture?: {readonly experts: number; readonly topK: number}
  /** samples that the sizes of a file are for: the batch is no choice */
  readonly batch?: number
}

export interface Architecture<S> {
  graph(spec: S, work: ModelWork): Graph
  traits(spec: S): ModelTraits
}
