/** The library: the engine of the command, typed. */
export {analyzeModel} from './analysis/analyze.ts'
