/// <reference lib="dom" />
/** A picture of a chart, made by the browser itself. */

/** pixels per CSS pixel: sharp on today's screens and in print */
const ZOOM = 2

/**
 * Draws an SVG document on a canvas.
 * @returns PNG at twice the size
 * @throws Error where the browser refuses the picture
 */
export async function pngOf(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], {type: 'image/svg+xml'}))
  try {
    const image = new Image()
    image.src = url
    await image.decode()
    const canvas = document.createElement('canvas')
    canvas.width = image.naturalWidth * ZOOM
    canvas.height = image.naturalHeight * ZOOM
    const context = canvas.getContext('2d')!
    context.scale(ZOOM, ZOOM)
    context.drawImage(image, 0, 0)
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser made no picture'))), 'image/png')
    })
  } finally {
    URL.revokeObjectURL(url)
  }
}
