/// <reference lib="dom" />
/** Zooming by box (Shift and drag) and by keyboard, for charts that zoom. */
import type {Chart} from './chart.ts'
import {h} from './dom.ts'

const STEP = 0.7
const SHIFT = 0.15
/** Boxes smaller than this, px, are slips of the hand. */
const LEAST = 8

const keys: Readonly<Record<string, (chart: Chart) => void>> = {
  '+': (chart) => chart.zoom(STEP),
  '=': (chart) => chart.zoom(STEP),
  '-': (chart) => chart.zoom(1 / STEP),
  '0': (chart) => chart.zoom(undefined),
  ArrowLeft: (chart) => chart.pan(-SHIFT, 0),
  ArrowRight: (chart) => chart.pan(SHIFT, 0),
  ArrowUp: (chart) => chart.pan(0, SHIFT),
  ArrowDown: (chart) => chart.pan(0, -SHIFT),
}

/** Listens on a chart's frame. */
export function zoomable(frame: HTMLElement, chart: () => Chart | undefined): void {
  frame.tabIndex = 0
  // the chart names its element by its description
  const keysText = h(
    'p',
    {id: 'roofline-keys', hidden: true},
    'Plus and minus zoom, arrows move, 0 returns to the frame.',
  )
  frame.after(keysText)
  frame.setAttribute('aria-describedby', keysText.id)
  frame.addEventListener('keydown', (event) => {
    const act = keys[event.key]
    const running = chart()
    if (!act || !running || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act(running)
  })
  const place = (event: PointerEvent): [number, number] => {
    const {left, top} = frame.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }
  const box = h('div', {class: 'box', hidden: true})
  frame.append(box)
  let from: [number, number] | undefined
  // before the chart sees the event: a drag without Shift is the chart's own and pans
  const capture = {capture: true}
  const stop = (event: Event) => {
    event.stopPropagation()
    event.preventDefault()
  }
  frame.addEventListener(
    'pointerdown',
    (event) => {
      if (!event.shiftKey || event.button !== 0) return
      stop(event)
      from = place(event)
      frame.setPointerCapture(event.pointerId)
    },
    capture,
  )
  // the chart listens to the mouse as well
  frame.addEventListener('mousedown', (event) => event.shiftKey && stop(event), capture)
  frame.addEventListener(
    'pointermove',
    (event) => {
      if (!from) return
      stop(event)
      const [x, y] = place(event)
      box.hidden = false
      box.style.left = `${Math.min(x, from[0])}px`
      box.style.top = `${Math.min(y, from[1])}px`
      box.style.width = `${Math.abs(x - from[0])}px`
      box.style.height = `${Math.abs(y - from[1])}px`
    },
    capture,
  )
  const end = (event: PointerEvent) => {
    if (!from) return
    stop(event)
    const to = place(event)
    const start = from
    from = undefined
    box.hidden = true
    if (event.type === 'pointercancel' || Math.abs(to[0] - start[0]) < LEAST || Math.abs(to[1] - start[1]) < LEAST)
      return
    chart()?.zoomInto(start, to)
  }
  frame.addEventListener('pointerup', end, capture)
  frame.addEventListener('pointercancel', end, capture)
}
