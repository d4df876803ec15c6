// The parts of Vega that the compiled views use: no geography, forces, trees, regressions or word clouds.
// The build resolves `vega` to this file for the page, which keeps the page small; types come from `vega` itself.
import {transforms} from 'vega-dataflow'
import * as encode from 'vega-encode'
import * as basic from 'vega-transforms'
import * as layout from 'vega-view-transforms'

Object.assign(transforms, basic, layout, encode)

export {changeset} from 'vega-dataflow'
export {parse} from 'vega-parser'
export {Error, Warn} from 'vega-util'
export {View} from 'vega-view'
