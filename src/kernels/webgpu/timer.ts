/** How durations on a device are taken, and what its timestamps turn out to be worth. Pure. */

/** How durations are taken. */
export interface Timer {
  kind: 'timestamp-query' | 'wall clock'
  /** smallest step, s: browsers round timestamps to 100 µs (WebGPU §20.4), Dawn in Node is told not to; a device's own step is found */
  resolution: number
}

/** What waking up after work adds to a wall-clock duration more at one time than at another, s. */
const waking = 1e-4

/** A clock that has not moved after this many looks is as coarse as the coarsest: 100 ms, Firefox against fingerprinting. */
const looks = 1e6
const coarsest = 0.1

/** The smallest step of the host's clock, s: 5 µs to 100 µs in Chrome, 1 ms in Firefox and Safari, next to nothing in Node. */
export function clockStep(now: () => number = () => performance.now()): number {
  let least = coarsest
  let last = now()
  for (let moves = 0, look = 0; moves < 4 && look < looks; look++) {
    const next = now()
    if (next <= last) continue
    least = Math.min(least, (next - last) / 1000)
    last = next
    moves++
  }
  return least
}

/** The wall clock, as fine as it is here. */
export const wallClock = (step: number = clockStep()): Timer => ({
  kind: 'wall clock',
  resolution: Math.max(waking, step),
})

/** Timestamps that make no sense this many times are given up. */
const patience = 3

/** Work that lasted so long by the wall clock cannot have taken no time, s. */
const noticeable = 0.005

/** Timestamps may say this share more than the wall clock, and this many seconds: both are rounded. */
const slack = {share: 1.1, seconds: 1e-3}

const gcd = (a: bigint, b: bigint): bigint => {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** Judges a device's timestamps as they come. */
export class Stamps {
  private readonly declared: Timer
  private tick = 0n
  private senseless = 0
  private instead: Timer | undefined

  /** @param declared what is known before the first of them */
  constructor(declared: Timer) {
    this.declared = declared
  }

  /** How durations are taken now: by the wall clock once timestamps are given up, else by timestamps of the step that all had in common. */
  get timer(): Timer {
    if (this.declared.kind === 'wall clock') return this.declared
    if (this.senseless >= patience) {
      this.instead ??= wallClock()
      return this.instead
    }
    return {...this.declared, resolution: Math.max(this.declared.resolution, Number(this.tick) / 1e9)}
  }

  /**
   * @param start nanoseconds at the beginning and end of some work
   * @param wall seconds that the host waited for it
   * @returns seconds, 0 where they make no sense
   */
  seconds(start: bigint, end: bigint, wall: number): number {
    const seconds = Number(end - start) / 1e9
    const sense = seconds > 0 ? seconds <= wall * slack.share + slack.seconds : seconds === 0 && wall < noticeable
    if (!sense) {
      this.senseless++
      return 0
    }
    this.senseless = 0
    for (const stamp of [start, end]) this.tick = gcd(stamp, this.tick)
    return seconds
  }
}
