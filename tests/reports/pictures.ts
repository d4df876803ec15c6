/** Pictures of pages and how far two are apart. Both functions run inside a page: nothing else here can decode a picture. */

export interface Compared {
  /** PNG in base 64 */
  readonly a: string
  readonly b: string
  /** px that one cell averages, each way */
  readonly cell: number
  /** levels of 255 by which a cell may differ before it counts */
  readonly near: number
}

/** The share of cells that differ by more than `near`; or, where the sizes differ, both sizes in words. */
export async function differing({a, b, cell, near}: Compared): Promise<number | string> {
  const load = async (data: string) => {
    const image = new Image()
    image.src = `data:image/png;base64,${data}`
    await image.decode()
    return image
  }
  const [one, two] = [await load(a), await load(b)]
  if (one.width !== two.width || one.height !== two.height)
    return `${one.width} × ${one.height} px, the golden ${two.width} × ${two.height}`
  const [columns, rows] = [Math.ceil(one.width / cell), Math.ceil(one.height / cell)]
  const cells = (image: HTMLImageElement) => {
    const canvas = new OffscreenCanvas(image.width, image.height)
    const context = canvas.getContext('2d')!
    context.drawImage(image, 0, 0)
    const {data} = context.getImageData(0, 0, image.width, image.height)
    const sums = new Float64Array(columns * rows * 4)
    for (let y = 0; y < image.height; y++) {
      for (let x = 0; x < image.width; x++) {
        const at = 4 * (Math.floor(y / cell) * columns + Math.floor(x / cell))
        for (let c = 0; c < 3; c++) sums[at + c]! += data[4 * (y * image.width + x) + c]!
        sums[at + 3]! += 1
      }
    }
    return sums
  }
  const [first, second] = [cells(one), cells(two)]
  let far = 0
  for (let i = 0; i < columns * rows; i++) {
    const differences = [0, 1, 2].map((c) =>
      Math.abs(first[4 * i + c]! / first[4 * i + 3]! - second[4 * i + c]! / second[4 * i + 3]!),
    )
    if (Math.max(...differences) > near) far++
  }
  return far / (columns * rows)
}

/** A picture at another size, by averaging. */
export async function scaled({data, scale}: {data: string; scale: number}): Promise<string> {
  const image = new Image()
  image.src = `data:image/png;base64,${data}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(image.width * scale)
  canvas.height = Math.round(image.height * scale)
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas.toDataURL('image/png').split(',')[1]!
}
