/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** Elements from data. Strings only ever become text nodes or attributes, never markup. */

export type Child = Node | string | null | undefined | false

type Attributes = Readonly<Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>>

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(name, value)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) element.append(child)
  }
  return element
}

/** An HTML element; a function among the attributes listens to the event of that name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children)
}

/** An SVG element. */
export function svg(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

/** Offers a text as a file; nothing leaves the page. */
export const save = (name: string, type: string, content: string): void => saveBlob(name, new Blob([content], {type}))

/** Offers a file; nothing leaves the page. */
export function saveBlob(name: string, content: Blob): void {
  const url = URL.createObjectURL(content)
  h('a', {href: url, download: name}).click()
  // the download has started by then; an object URL that is kept holds its content in memory
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Puts text on the clipboard. Pages from a file may lack the clipboard interface: then by way of a selection. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = h('textarea', {class: 'offscreen', readonly: true})
    area.value = text
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

/** A figure's caption and what it rests on. */
export function explanation(howToRead: string, assumptions: readonly string[]): HTMLElement {
  return h(
    'details',
    {class: 'explanation'},
    h('summary', {}, 'How to read this, and what it assumes'),
    h('p', {}, howToRead),
    h('ul', {}, ...assumptions.map((text) => h('li', {}, text))),
  )
}

/** An id that may break behind its dots and pluses, and nowhere else. */
export const breakable = (id: string): Child[] =>
  id.split(/(?<=[.+])/).flatMap((part, i) => (i === 0 ? [part] : [h('wbr'), part]))
