/// <reference lib="dom" />
/**
 * Dragging a chart of very many points: its picture moves with the pointer, like a map, and is drawn anew where it comes to rest. Placing
 * 10,000 points anew for every event takes a fifth of a second each.
 */
import type {Chart} from './chart.ts'

/** px of movement that make a drag of a click */
const LEAST = 3

/** Listens on a chart's frame. Charts of fewer points drag themselves. */
export function draggable(frame: HTMLElement, chart: () => Chart | undefined): void {
  let from: {readonly x: number; readonly y: number; readonly id: number} | undefined
  let moved: [number, number] = [0, 0]
  const capture = {capture: true}
  const picture = () => frame.querySelector('canvas')
  frame.addEventListener(
    'pointerdown',
    (event) => {
      if (!chart()?.isHeavy || event.shiftKey || event.button !== 0) return
      from = {x: event.clientX, y: event.clientY, id: event.pointerId}
      moved = [0, 0]
    },
    capture,
  )
  frame.addEventListener(
    'pointermove',
    (event) => {
      const canvas = picture()
      if (!from || !canvas) return
      // the chart would follow by itself, slowly
      event.stopPropagation()
      moved = [event.clientX - from.x, event.clientY - from.y]
      if (Math.hypot(...moved) < LEAST) return
      if (!frame.hasPointerCapture(from.id)) frame.setPointerCapture(from.id)
      canvas.style.transform = `translate(${moved[0]}px, ${moved[1]}px)`
    },
    capture,
  )
  frame.addEventListener('mousemove', (event) => from && event.stopPropagation(), capture)
  const end = () => {
    const running = chart()
    const canvas = picture()
    const dragged = from !== undefined
    from = undefined
    if (!dragged || !running || !canvas || Math.hypot(...moved) < LEAST) return
    running.dragged(...moved)
    running.ready.then(() => {
      canvas.style.transform = ''
    })
  }
  frame.addEventListener('pointerup', end, capture)
  frame.addEventListener('pointercancel', end, capture)
}
