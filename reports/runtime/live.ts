/// <reference lib="dom" />
/** Parts of the page that are built anew when the document changes. */
import type {Store} from './state.ts'

/**
 * Which parts are in the window. The browser says so by itself after each layout: asking for a part's place instead would make it lay out
 * the whole page again after every part that was replaced (40 ms a change with 1,000 operators).
 */
const seen = new WeakSet<Element>()
const watcher = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) {
    if (isIntersecting) seen.add(target)
    else seen.delete(target)
  }
})

const waiting = new Set<() => void>()

/** ms that building a part may take */
const SLICE = 6

/** Builds waiting parts in idle moments, the first of them a tenth of a second late at most. */
function later(): void {
  const next = (deadline?: IdleDeadline) => {
    do {
      const [first] = waiting
      if (!first) return
      first()
    } while (deadline && deadline.timeRemaining() > SLICE)
    if (waiting.size > 0) later()
  }
  // not every browser has idle moments
  if ('requestIdleCallback' in globalThis) requestIdleCallback(next, {timeout: 100})
  else setTimeout(next, 0)
}

/** What `build` makes, replaced by what it makes of the next document; an empty comment where there is nothing. */
export function live(store: Store, build: () => HTMLElement | undefined): Node {
  let node: HTMLElement | Comment = build() ?? document.createComment('')
  if (node instanceof Element) watcher.observe(node)
  const replace = () => {
    waiting.delete(replace)
    const next = build() ?? document.createComment('')
    if (node instanceof Element) watcher.unobserve(node)
    if (next instanceof Element) {
      if (node instanceof Element && seen.has(node)) seen.add(next)
      watcher.observe(next)
    }
    node.replaceWith(next)
    node = next
  }
  store.listen((_state, changed) => {
    if (!changed.has('document')) return
    if (node instanceof Element && seen.has(node)) return replace()
    // what nobody sees is built behind the frame that shows what is seen
    waiting.add(replace)
    if (waiting.size === 1) requestAnimationFrame(later)
  })
  return node
}
