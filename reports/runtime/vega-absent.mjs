// What Vega imports and no view uses: maps, colour schemes by name, times of day. The build puts this in their place (39 kB less in
// every page); a view that needs one of them fails at once, in the tests and on the page.
const absent = (name) => () => {
  throw new Error(`${name} is not part of the page: reports/runtime/vega-absent.mjs`)
}

export const geoArea = absent('geoArea')
export const geoBounds = absent('geoBounds')
export const geoCentroid = absent('geoCentroid')

export const timeFormat = absent('timeFormat')
export const timeFormatLocale = absent('timeFormatLocale')
export const timeParse = absent('timeParse')
export const utcFormat = absent('utcFormat')
export const utcParse = absent('utcParse')

// a scheme without colours
export const schemeAccent = ''
export const schemeCategory10 = ''
export const schemeDark2 = ''
export const schemeObservable10 = ''
export const schemePaired = ''
export const schemePastel1 = ''
export const schemePastel2 = ''
export const schemeSet1 = ''
export const schemeSet2 = ''
export const schemeSet3 = ''
