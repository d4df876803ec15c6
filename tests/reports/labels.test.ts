import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {defaultState} from '../../reports/chart/draw.ts'
import {layoutLabels, type PlacedLabel, type Spot, textWidth} from '../../reports/chart/labels.ts'
import {type Drawn, layoutArrows, layoutRoofline, thinLines} from '../../reports/chart/layout.ts'
import {type Plot, type RoofLabel, type Scale, segmentOf, slantedBoxes} from '../../reports/chart/roof-labels.ts'
import type {RoofLine} from '../../reports/chart/roofs.ts'
import {type Box, overlaps, Room, type Segment, strikes} from '../../reports/chart/room.ts'
import type {ReportDocument} from '../../reports/document.ts'
import {extractDocument, extractExtras} from '../../reports/html.ts'
import {type Extras, moreOf, sourceOf} from '../../reports/live/source.ts'
import {shownOf} from '../../reports/shown.ts'
import type {ViewMore} from '../../reports/view.ts'
import {comparison} from '../../reports/views/comparison.ts'
import {roofline} from '../../reports/views/roofline.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {cpu, root, sample} from './support.ts'

const bounds = {x: 0, y: 0, width: 400, height: 300}
const spot = (id: string, x: number, y: number, priority: number): Spot => ({id, name: id, x, y, radius: 6, priority})
const empty = () => new Room(400, 300)

/** The letters of a name: less than the room it was given. */
const textBox = (l: {x: number; y: number; text: string}): Box => ({
  x: l.x,
  y: l.y - 6,
  width: textWidth(l.text),
  height: 12,
})

describe('names', () => {
  const options = {bounds, texts: [], limit: 9, maxChars: 40}

  it('never lie on one another, on a dot, on a line, on another text, or outside', () => {
    const spots = Array.from({length: 14}, (_, i) =>
      spot(`operator.${i}`, 150 + 9 * (i % 5), 120 + 7 * (i % 3), 14 - i),
    )
    const texts = [{x: 160, y: 60, width: 120, height: 30}]
    const line: Segment = [0, 200, 400, 100]
    const room = empty()
    room.takeLine(line)
    const dots = spots.map((s) => ({x: s.x - 6, y: s.y - 6, width: 12, height: 12}))
    for (const dot of dots) room.takeBox(dot)
    const placed = layoutLabels(spots, {...options, texts, room, limit: 14, maxChars: 30})
    expect(placed.length).toBeGreaterThan(2)
    const boxes = placed.map(textBox)
    boxes.forEach((box, i) => {
      for (const other of [...boxes.slice(i + 1), ...texts, ...dots]) expect(overlaps(box, other)).toBe(false)
      expect(strikes(line, box)).toBe(false)
      expect(box.x >= 0 && box.x + box.width <= 400 && box.y >= 0 && box.y + box.height <= 300).toBe(true)
    })
  })

  it('join dots of one place, and say how many names are left out', () => {
    const spots = [spot('mlp.up', 100, 100, 3), spot('mlp.gate', 101, 100, 2), spot('mlp.down', 100, 101, 1)]
    const texts = (maxChars: number) => layoutLabels(spots, {...options, room: empty(), maxChars}).map((l) => l.text)
    expect(texts(40)).toEqual(['mlp.up, mlp.gate, mlp.down'])
    expect(texts(16)).toEqual(['mlp.up, mlp.gate +1'])
    // on both sides of a square's edge they are still near
    const apart = [spot('a', 99.9, 99.9, 2), spot('b', 100.1, 100.1, 1)]
    expect(layoutLabels(apart, {...options, room: empty()}).map((l) => l.text)).toEqual(['a, b'])
  })

  it('leave out a name that has no place, not another one', () => {
    const room = empty()
    room.takeBox(bounds)
    expect(layoutLabels([spot('a', 100, 100, 1)], {...options, room})).toEqual([])
  })
})

describe('the room of a plot', () => {
  it('is taken wherever a segment runs, and free beside it', () => {
    let seed = 7
    const random = () => {
      seed = (seed * 16807) % 2147483647
      return seed / 2147483647
    }
    for (let round = 0; round < 300; round++) {
      const line: Segment = [random() * 500 - 50, random() * 400 - 50, random() * 500 - 50, random() * 400 - 50]
      const room = empty()
      room.takeLine(line)
      for (let i = 0; i < 20; i++) {
        const box = {x: random() * 380, y: random() * 280, width: 5 + random() * 60, height: 12}
        if (strikes(line, box)) expect(room.isFree(box)).toBe(false)
        const wide = {x: box.x - 9, y: box.y - 9, width: box.width + 18, height: box.height + 18}
        if (!strikes(line, wide)) expect(room.isFree(box)).toBe(true)
      }
    }
    const upright = empty()
    upright.takeLine([100, 250, 100, 50])
    expect(upright.isFree({x: 90, y: 100, width: 20, height: 10})).toBe(false)
    expect(upright.isFree({x: 90, y: 260, width: 20, height: 10})).toBe(true)
  })
})

const log = ([from, to]: readonly [number, number], [a, b]: readonly [number, number]): Scale => {
  const per = (b - a) / Math.log(to / from)
  return Object.assign((value: number) => a + per * Math.log(value / from), {
    invert: (pixel: number) => from * Math.exp((pixel - a) / per),
  })
}

interface Texts {
  readonly label: RoofLabel | PlacedLabel
  readonly boxes: readonly Box[]
}

/** A part of the plot: the whole, or what a reader has zoomed to, in shares of the frame. */
const parts = {
  frame: [0, 1, 0, 1],
  middle: [0.3, 0.7, 0.4, 0.8],
  corner: [0.45, 0.62, 0.6, 0.98],
} as const

const sizes = {
  'a telephone': [290, 290],
  'a page': [1170, 430],
  'a wall': [3650, 770],
} as const

function zoomed([low, high]: readonly [number, number], from: number, to: number): [number, number] {
  const at = (share: number) => low * (high / low) ** share
  return [at(from), at(to)]
}

function laidOut(
  document: ReportDocument,
  more: ViewMore,
  [width, height]: readonly [number, number],
  part: keyof typeof parts,
) {
  const {result} = document
  const {data, signals} = roofline.inputs(result, defaultState(result, more.runs), more)
  const [x0, x1, y0, y1] = parts[part]
  const plot: Plot = {
    width,
    height,
    x: log(zoomed(signals.frameX as [number, number], x0, x1), [34, width]),
    y: log(zoomed(signals.frameY as [number, number], y0, y1), [height, 0]),
  }
  const lines = data.lines as readonly RoofLine[]
  const drawn = {
    points: data.dots,
    runs: data.runs,
    joints: data.joints,
    moves: data.moves,
    ridge: data.ridge![0],
  } as unknown as Drawn
  const {roofLabels, names} = layoutRoofline(plot, lines, drawn)
  const top = Math.max(...lines.filter((l) => l.kind === 'compute').map((l) => l.value))
  const fastest = Math.max(...lines.filter((l) => l.kind === 'bandwidth').map((l) => l.value))
  const texts: Texts[] = [
    ...roofLabels.map((label) => ({
      label,
      boxes:
        label.angle === 0
          ? [textBox(label)]
          : slantedBoxes(label.x, label.y, textWidth(label.text), (-label.angle * Math.PI) / 180).map((box) => ({
              ...{x: box.x + 2, width: box.width - 4},
              ...{y: box.y + 2, height: 8},
            })),
    })),
    ...names.map((label) => ({label, boxes: [textBox(label)]})),
  ]
  return {
    lines,
    roofLabels,
    names,
    texts,
    roofs: lines.map((line) => segmentOf(line, plot, top, fastest)),
    thin: thinLines(drawn, plot),
    leaders: [...roofLabels, ...names]
      .filter(({leader}) => leader)
      .map(({fromX, fromY, toX, toY, id}) => ({id, segment: [fromX, fromY, toX, toY] as Segment})),
  }
}

function expectClear(found: ReturnType<typeof laidOut>, thin: boolean) {
  for (const {label, boxes} of found.texts) {
    for (const box of boxes) {
      for (const line of [...found.roofs, ...(thin ? found.thin : [])])
        expect(strikes(line, box), label.text).toBe(false)
      for (const {id, segment} of found.leaders) {
        // a leader ends at its own text
        if (id !== label.id) expect(strikes(segment, box), `${label.text} under the leader of ${id}`).toBe(false)
      }
    }
  }
  found.texts.forEach(({label, boxes}, i) => {
    for (const other of found.texts.slice(i + 1)) {
      for (const box of boxes)
        for (const b of other.boxes) expect(overlaps(box, b), `${label.text} on ${other.label.text}`).toBe(false)
    }
  })
}

describe('no label is crossed by a line', () => {
  const workloads = [
    {phase: 'prefill'},
    {phase: 'decode', batch: 8},
    {phase: 'prefill', batch: 4, fusion: 'none'},
  ] as const

  it.each([...Object.values(machines), cpu].map((machine) => [machine.id, machine] as const))('%s', (_id, machine) => {
    for (const options of workloads) {
      const document = sample({machine, options})
      for (const size of Object.values(sizes)) {
        for (const part of Object.keys(parts) as (keyof typeof parts)[])
          expectClear(laidOut(document, {}, size, part), true)
      }
      const whole = laidOut(document, {}, sizes['a page'], 'frame')
      expect(whole.roofLabels.map(({id}) => id).sort()).toEqual(whole.lines.map(({id}) => id).sort())
      expect(whole.names.length).toBeGreaterThan(2)
    }
  })

  it('where the lines of two levels lie close, and between an operator and its runs', () => {
    const close = {L2: 236e9, L3: 199e9, DRAM: 37.5e9} as Record<string, number>
    const ceilings = cpu.ceilings.map((c) => ({...c, value: close[c.level ?? ''] ?? c.value}))
    const document = sample({model: 'transformer', machine: {...cpu, ceilings}, options: {batch: 32}})
    const found = laidOut(document, {}, sizes['a page'], 'frame')
    expectClear(found, true)
    expect(found.roofLabels).toHaveLength(found.lines.length)
  })

  const folder = join(root, 'reports', 'examples')
  it.each(readdirSync(folder).filter((name) => name.endsWith('.html')))('%s', async (name) => {
    const html = readFileSync(join(folder, name), 'utf8')
    const extras: Extras = await extractExtras(html)
    const shown = shownOf(await extractDocument(html), extras)
    const source = shown.subject === 'analysis' ? sourceOf(shown.document, extras).source : undefined
    const more = moreOf(shown.document, shown.extras, source, shown.subject)
    // on a telephone there is no room between the joints of that many runs; ceilings never cross a name there either
    const crowded = (more.points?.length ?? 0) + (more.runs?.length ?? 0) > 10
    for (const size of Object.values(sizes)) {
      for (const part of Object.keys(parts) as (keyof typeof parts)[])
        expectClear(laidOut(shown.document, more, size, part), !(crowded && size === sizes['a telephone']))
    }
    const whole = laidOut(shown.document, more, sizes['a page'], 'frame')
    expect(whole.roofLabels.map(({id}) => id).sort()).toEqual(whole.lines.map(({id}) => id).sort())
  })
})

describe('names at the arrows of a comparison', () => {
  it.each(Object.entries(sizes))('are there, and clear of arrows and roofs, on %s', (_name, [width, height]) => {
    const before = sample({options: {phase: 'decode', batch: 16}}).result
    const after = sample({options: {phase: 'decode', batch: 16, weightsDtype: 'int8', fusion: 'all'}}).result
    const {data, signals} = comparison.inputs(after, defaultState(after), {before})
    const plot: Plot = {
      width,
      height,
      x: log(signals.frameX as [number, number], [0, width]),
      y: log(signals.frameY as [number, number], [height, 0]),
    }
    const roofs = data.roofs as Parameters<typeof layoutArrows>[1]
    const shifts = data.shifts as Parameters<typeof layoutArrows>[2]
    const arrows = data.pairs as Parameters<typeof layoutArrows>[3]
    // every operator that computes something has its place before, the fused ones too
    expect(arrows).toHaveLength(after.operators.filter((op) => op.flops > 0).length)
    const {names, roofLabels} = layoutArrows(plot, roofs, shifts, arrows)
    expect(roofLabels.map(({text}) => text)).toEqual(expect.arrayContaining([expect.stringMatching(/DRAM|HBM/)]))
    expect(names.length).toBeGreaterThan(0)
    const lines: Segment[] = [
      ...roofs.map(
        (r): Segment => [plot.x(r.intensity), plot.y(r.performance), plot.x(r.intensity2), plot.y(r.performance2)],
      ),
      ...arrows
        .filter(({moved}) => moved)
        .map(
          (a): Segment => [
            plot.x(a.fromIntensity),
            plot.y(a.fromPerformance),
            plot.x(a.intensity),
            plot.y(a.performance),
          ],
        ),
    ]
    for (const name of names) for (const line of lines) expect(strikes(line, textBox(name)), name.text).toBe(false)
    expect(names.some(({text}) => text.includes('mlp.up+gate+act'))).toBe(true)
  })
})
