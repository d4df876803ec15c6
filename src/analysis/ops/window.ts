/** Windows that slide over up to three spatial axes: the geometry of convolutions and pools. */
import {AnalysisError} from '../errors.ts'

/** Sizes of a sliding window; an axis that is not given has size and kernel 1, a stride or dilation that is not given is 1. */
export type WindowDims = {
  readonly depth?: number
  readonly height: number
  readonly width: number
  readonly kernelDepth?: number
  readonly kernelHeight: number
  readonly kernelWidth: number
  readonly strideDepth?: number
  readonly strideHeight?: number
  readonly strideWidth?: number
  readonly dilationDepth?: number
  readonly dilationHeight?: number
  readonly dilationWidth?: number
  /** zeros on both sides together; of an odd number the larger half is at the end (TensorFlow's SAME, ONNX's SAME_UPPER) */
  readonly padDepth?: number
  readonly padHeight?: number
  readonly padWidth?: number
}

export interface Axis {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly pad: number
}

/** Depth, height and width, the defaults filled in. */
export function axesOf(d: WindowDims): [Axis, Axis, Axis] {
  return [
    {
      size: d.depth ?? 1,
      kernel: d.kernelDepth ?? 1,
      stride: d.strideDepth ?? 1,
      dilation: d.dilationDepth ?? 1,
      pad: d.padDepth ?? 0,
    },
    {
      size: d.height,
      kernel: d.kernelHeight,
      stride: d.strideHeight ?? 1,
      dilation: d.dilationHeight ?? 1,
      pad: d.padHeight ?? 0,
    },
    {
      size: d.width,
      kernel: d.kernelWidth,
      stride: d.strideWidth ?? 1,
      dilation: d.dilationWidth ?? 1,
      pad: d.padWidth ?? 0,
    },
  ]
}

/** Elements that a dilated kernel spans. */
export const span = ({kernel, dilation}: Pick<Axis, 'kernel' | 'dilation'>): number => dilation * (kernel - 1) + 1

/**
 * Positions of a window along an axis: ⌊(size + pad − span)/stride⌋ + 1 (Dumoulin & Visin 2016, arXiv:1603.07285, §2.4).
 * @throws AnalysisError `bad-dimension` where the window is larger than the padded axis
 */
export function positionsOf(axis: Axis): number {
  const room = axis.size + axis.pad - span(axis)
  if (room < 0) {
    throw new AnalysisError(
      'bad-dimension',
      `a window that spans ${span(axis)} elements does not fit ${axis.size} elements with ${axis.pad} of padding`,
      ['use a larger image, or a smaller kernel, stride or dilation'],
    )
  }
  return Math.floor(room / axis.stride) + 1
}

/** Padding (both sides together) that makes the output ⌈size/stride⌉ long: `same`. `valid` is none. */
export function samePadding(size: number, kernel: number, stride = 1, dilation = 1): number {
  return Math.max(0, (Math.ceil(size / stride) - 1) * stride + span({kernel, dilation}) - size)
}

/** Padding that makes a floor into a ceiling: pools with `ceil_mode` have a last, partial window. */
export function ceilPadding(size: number, kernel: number, stride: number): number {
  return (stride - ((size - kernel) % stride)) % stride
}

const product = (axes: readonly Axis[], of: (axis: Axis) => number) => axes.reduce((n, axis) => n * of(axis), 1)

/** Elements of one channel of the input, positions of the window, taps of the window. */
export function windowCounts(d: WindowDims): {inputs: number; outputs: number; taps: number} {
  const axes = axesOf(d)
  return {
    inputs: product(axes, (a) => a.size),
    outputs: product(axes, positionsOf),
    taps: product(axes, (a) => a.kernel),
  }
}

export const outputsRule =
  'outputs = positions of the window, each axis ⌊(size + pad − dilation·(kernel − 1) − 1)/stride⌋ + 1'
export const tapsRule = 'taps = kernelDepth·kernelHeight·kernelWidth'

/** Pairs of window position and input position along one axis: [output, tap, input], padding left out. */
function pairsAlong(axis: Axis, outputs: number): [number, number, number][] {
  const pairs: [number, number, number][] = []
  const before = Math.floor(axis.pad / 2)
  for (let o = 0; o < outputs; o++) {
    for (let t = 0; t < axis.kernel; t++) {
      const i = o * axis.stride + t * axis.dilation - before
      if (i >= 0 && i < axis.size) pairs.push([o, t, i])
    }
  }
  return pairs
}

/** Visits every tap of every window position that lies inside the input, as flat indices of one channel. */
export function forEachTap(d: WindowDims, visit: (output: number, tap: number, input: number) => void): void {
  const axes = axesOf(d)
  const [sizes, kernels, outputs] = [axes.map((a) => a.size), axes.map((a) => a.kernel), axes.map(positionsOf)]
  const [deep, high, wide] = axes.map((axis, i) => pairsAlong(axis, outputs[i]!))
  for (const [oz, tz, iz] of deep!) {
    for (const [oy, ty, iy] of high!) {
      for (const [ox, tx, ix] of wide!) {
        visit(
          (oz * outputs[1]! + oy) * outputs[2]! + ox,
          (tz * kernels[1]! + ty) * kernels[2]! + tx,
          (iz * sizes[1]! + iy) * sizes[2]! + ix,
        )
      }
    }
  }
}
