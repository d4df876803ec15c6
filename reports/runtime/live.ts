/// <reference lib="dom" />
/** Parts of the page that are built anew when the document changes. */
import type {Store} from './state.ts'

/** What `build` makes, replaced by what it makes of the next document; an empty comment where there is nothing. */
export function live(store: Store, build: () => HTMLElement | undefined): Node {
  let node: HTMLElement | Comment = build() ?? document.createComment('')
  store.listen((_state, changed) => {
    if (!changed.has('document')) return
    const next = build() ?? document.createComment('')
    node.replaceWith(next)
    node = next
  })
  return node
}
