import {expect, test} from 'vitest'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {checkDims, parseSizes} from '../../src/kernels/dims.ts'
import {kernels} from '../../src/kernels/registry.ts'

const {attention, conv} = kernels
const gqa = kernels['attention-gqa']

test.each([
  [gqa, [1, 4, 3, 2, 8, 1], /kvHeads = 2 does not divide heads = 3/],
  [gqa, [1, 4, 4, 2, 8, 2], /causal = 2 is not a whole number from 0 to 1/],
  [conv, [1, 6, 8, 4, 9, 9, 3, 1, 1, 0, 0], /groups = 4 does not divide channels = 6/],
  [conv, [1, 8, 6, 4, 9, 9, 3, 1, 1, 0, 0], /groups = 4 does not divide filters = 6/],
  [conv, [1, 8, 8, 1, 9, 9, 3, 0, 1, 0, 0], /stride = 0 is not a whole number from 1/],
  [kernels['gemm-strided'], [4, 5, 6, 5, 5, 5], /lda = 5 is less than k = 6/],
  [kernels['gemm-strided'], [4, 5, 6, 6, 4, 5], /ldb = 4 is less than n = 5/],
  [kernels['gemm-strided'], [4, 5, 6, 6, 5, 4], /ldc = 4 is less than n = 5/],
  [kernels.rope, [1, 4, 4, 2, 7], /headDim = 7 is odd/],
  // the last element's other half would be read from behind the tensor
  [kernels['quantize-int4'], [37, 1], /size = 1 is odd/],
  [attention, [1, 4, 4], /has 4 dimensions, batch × seq × heads × headDim, not 3 \(1x4x4\)/],
  [attention, [1, 4.5, 4, 8], /seq = 4.5/],
] as const)('%o with %j is refused', (def, dims, message) => {
  expect(() => checkDims(def, dims)).toThrow(AnalysisError)
  expect(() => checkDims(def, dims)).toThrow(message)
})

test('the next step is sizes that work, and what they are', () => {
  const refused = () => checkDims(attention, [1, 4, 4])
  expect(refused).toThrow(
    expect.objectContaining({suggestions: ['--dims 1x128x4x64 is batch × seq × heads × headDim']}),
  )
})

test('no padding, no bias and no mask are sizes', () => {
  expect(() => checkDims(conv, [1, 8, 8, 1, 9, 9, 3, 1, 1, 0, 0])).not.toThrow()
  expect(() => checkDims(gqa, [1, 4, 4, 2, 8, 0])).not.toThrow()
})

test.each([
  ['512x256x64', [[512, 256, 64]]],
  ['65536×4', [[65536, 4]]],
  ['16X4', [[16, 4]]],
  [
    '64x2, 64x3',
    [
      [64, 2],
      [64, 3],
    ],
  ],
  [
    '64x2:4',
    [
      [64, 2],
      [64, 3],
      [64, 4],
    ],
  ],
  [
    '16:64:x2x4',
    [
      [16, 4],
      [32, 4],
      [64, 4],
    ],
  ],
  [
    '1:2x0:8:+8x7',
    [
      [1, 0, 7],
      [1, 8, 7],
      [2, 0, 7],
      [2, 8, 7],
    ],
  ],
])('--dims %s', (text, sizes) => {
  expect(parseSizes(text)).toEqual(sizes)
})

test.each([
  ['', /is not whole numbers/],
  ['16x', /is not whole numbers/],
  ['64x2,', /is not whole numbers/],
  ['64x2:', /is not whole numbers/],
  ['1e3x4', /is not whole numbers/],
  ['16 x 4', /is not whole numbers/],
  ['1234567890123456', /at most 15 digits/],
  ['64x4:2', /starts at 4, above its end 2/],
  ['0:64:x2', /starts with a factor|starts at 1/],
  ['1:11x1:10', /is more than 100 sizes/],
  [`${'1x'.repeat(1e5)}1`, /has a size of more than 16 dimensions/],
  [`${'8,'.repeat(100)}8`, /is more than 100 sizes/],
])('--dims %s is refused', (text, message) => {
  expect(() => parseSizes(text)).toThrow(message)
})
