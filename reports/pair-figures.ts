/** What a measured pair is said to have gained. */
import type {FusedPair} from '../src/analysis/document/bench.ts'

/** What is measured and predicted in turn, where ceilings were measured beside, else over all and by the profile. */
export const figuresOf = (pair: FusedPair): {measured: number | null; predicted: number | null} =>
  pair.predictedInTurn
    ? {measured: pair.speedupInTurn ?? null, predicted: pair.predictedInTurn}
    : {measured: pair.speedup, predicted: pair.predictedSpeedup}
