import {expect, it} from 'vitest'
import {explainText} from '../../../reports/text/explain.ts'
import {concepts} from '../../../src/analysis/explain/concepts/index.ts'
import {explain} from '../../../src/analysis/explain/index.ts'

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '')

it.each(Object.keys(concepts))('%s: the same words at 40 columns as at 80, none beyond the edge', (id) => {
  const concept = explain(id)
  if (concept.kind !== 'concept') throw new Error('not a concept')
  const at = (width: number) => explainText(concept, {color: false, width})
  expect(words(at(80))).toEqual(words(concept.text))
  expect(at(80)).toBe(concept.text)
  expect(words(at(40))).toEqual(words(concept.text))
  for (const line of at(40).split('\n')) if (line.length > 40) expect(words(line), line).toHaveLength(1)
})
