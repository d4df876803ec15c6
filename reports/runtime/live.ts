/// <reference lib="dom" />
/** Parts of the page that are built anew when the document changes. */
import type {Store} from './state.ts'

/** Parts further from the window than this, px, are built once what is seen is drawn. */
const NEAR = 400

const isNear = (node: Element | Comment): boolean => {
  if (!(node instanceof Element)) return false
  const {top, bottom} = node.getBoundingClientRect()
  return bottom > -NEAR && top < innerHeight + NEAR
}

/** What `build` makes, replaced by what it makes of the next document; an empty comment where there is nothing. */
export function live(store: Store, build: () => HTMLElement | undefined): Node {
  let node: HTMLElement | Comment = build() ?? document.createComment('')
  let waiting = false
  const replace = () => {
    waiting = false
    const next = build() ?? document.createComment('')
    node.replaceWith(next)
    node = next
  }
  store.listen((_state, changed) => {
    if (!changed.has('document') || waiting) return
    if (isNear(node)) return replace()
    waiting = true
    // behind the next frame
    requestAnimationFrame(() => setTimeout(() => waiting && replace(), 0))
  })
  return node
}
