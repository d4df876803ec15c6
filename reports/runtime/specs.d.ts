/** The views compiled to Vega, put into the page's script by `scripts/build-report.mjs`. */
declare module 'ridgepoint:specs' {
  import type {Spec} from 'vega'

  export const specs: Readonly<Record<string, Spec>>
}
