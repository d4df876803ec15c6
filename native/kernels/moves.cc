// Operators that move elements: transpose, embedding gather, rotary encoding; and reductions.
#include "../core/cores.h"
#include "loops.h"
#include "reductions.h"
#include "transpose.h"

namespace rp {
namespace RP_NS {
namespace {

// --- embedding; dims: rows, width, rows of the table

// Rows from memory: a thread's are cut into bands, each a stream of its own, and four lines of each are copied in turn. No prefetcher foresees
// where the next row begins, and one that has begun takes pages to come up to speed (a row of 4 KiB alone takes 450 ns, in order 120), so
// every line is asked for into L2. Zen 4 forgets what it is asked for while its queue is full: lines are asked for twice, 64 KiB ahead in all
// bands together, and again 16 KiB ahead. 2048 rows of 16 KiB: 1.32 to 1.39 ms, asked for once 1.70; a copy 1.26 to 1.30. Rows of 2 KiB: 1.69 ms
// in sixteen bands, 2.08 in eight, those of 16 KiB 1.39 to 1.47 and 1.32 to 1.38.
constexpr int64_t turn = 4 * line;
// Intel's cores are asked once and for less: Emerald Rapids, 16384 rows of 16 KiB in no order, in turn with a copy: 94 % of it asked as Zen 4, once
// 256 turns ahead 97, 64 99, 32 and 16 100; so 32.
template <bool intel>
constexpr int turnsAhead = intel ? 32 : 256;  // of all bands
constexpr int turnsAgain = 64;
inline int bandsFor(int64_t width) { return width >= 1024 ? 8 : 16; }

// A place in every band: a row of it, and a column.
struct Place {
  int64_t row, at;
  RP_MEMBER void next(int64_t width) {
    at += turn;
    if (at >= width) at = 0, row++;
  }
};

// Copies row r of out from where from(r) says, for `bands` times `count` rows.
template <bool intel, typename From>
inline void copyBands(From from, int bands, int64_t count, int64_t width, float* out) {
  const auto ask = [=](Place place, int64_t row) __attribute__((always_inline)) {
    const float* const start = from(row + place.row) + place.at;
    for (int64_t i = 0; i < turn && place.at + i < width; i += line) __builtin_prefetch(start + i, 0, 2);
  };
  Place ahead = {0, 0}, again = {0, 0}, now = {0, 0};
  for (int i = 0; i < turnsAhead<intel> / bands; i++) ahead.next(width);
  for (int i = 0; i < turnsAgain / bands; i++) again.next(width);
  for (; now.row < count; now.next(width), again.next(width), ahead.next(width))
    for (int64_t row = 0; row < bands * count; row += count) {
      if (ahead.row < count) ask(ahead, row);
      if (!intel && again.row < count) ask(again, row);
      const float* const start = from(row + now.row);
      const auto copy = [=](auto& v, int64_t i, int n) __attribute__((always_inline)) { takeAll(v, start + i, n); };
      mapRange<true, 4>(now.at, now.at + turn < width ? now.at + turn : width, out + (row + now.row) * width, copy);
    }
}

void embedding(const OpArgs& args) {
  const int64_t width = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const int32_t* ids = input<int32_t>(args, 0);
  const float* table = input(args, 1);
  const bool far = isFar(output(args, 0), args.dims[0] * width, width);
  int64_t r = rows.from;
  if (far) {
    const int bands = bandsFor(width);
    const int64_t count = (rows.to - r) / bands;
    const auto from = [=](int64_t row) __attribute__((always_inline)) { return table + ids[r + row] * width; };
    float* const out = output(args, 0) + r * width;
    if (tunedFor() == Cores::intel) copyBands<true>(from, bands, count, width, out);
    else copyBands<false>(from, bands, count, width, out);
    r += bands * count;
  }
  for (; r < rows.to; r++) {
    const float* from = table + ids[r] * width;
    float* out = output(args, 0) + r * width;
    // what the next row names cannot be guessed by a prefetcher
    if (r + 1 < rows.to)
      for (int64_t i = 0; i < width && i < 4096; i += line) __builtin_prefetch(table + ids[r + 1] * width + i);
    const auto copy = [=](auto& v, int64_t at, int n) __attribute__((always_inline)) { takeAll(v, from + at, n); };
    if (far) mapRange<true, 4>(0, width, out, copy);
    else mapRange<false, 4>(0, width, out, copy);
  }
  drain(far);
}

// --- rotary encoding, halves rotated against each other; dims: batch, seq, heads, kv heads, head dimension

// Two vectors of a head's first half and as many of its second, from `at` on.
template <bool far>
RP_INLINE void rotateTwo(const float* x, float* y, const float* table, int64_t half, int64_t at) {
  f32v low[2], high[2];
  RP_STEP(2) {
    const int64_t j = at + i * lanes;
    const f32v a = load(x + j), b = load(x + half + j), cos = load(table + j), sin = load(table + half + j);
    low[i] = a * cos - b * sin;
    high[i] = b * cos + a * sin;
  }
  RP_STEP(2) put<far>(y + at + i * lanes, low[i]);
  RP_STEP(2) put<far>(y + half + at + i * lanes, high[i]);
}

// ahead: x is asked for that many floats before it is used, 0: not at all.
template <bool far, int64_t ahead>
void rotate(const float* x, float* y, const float* table, int64_t half) {
  int64_t at = 0;
  if (ahead > 0)
    for (; at + 2 * lanes <= half; at += 2 * lanes) {
      RP_STEP(2) if ((at + i * lanes) % line == 0) {
        __builtin_prefetch(x + at + i * lanes + ahead, 0, 2);
        __builtin_prefetch(x + half + at + i * lanes + ahead, 0, 2);
      }
      rotateTwo<far>(x, y, table, half, at);
    }
  // Zen 4, 16 tokens of 16 and 4 heads of 128 from L2: 3.3 us, and 4.4 where both results are computed before either is stored.
  for (; at + lanes <= half; at += lanes) {
    const f32v a = load(x + at), b = load(x + half + at), cos = load(table + at), sin = load(table + half + at);
    put<far>(y + at, a * cos - b * sin);
    put<far>(y + half + at, b * cos + a * sin);
  }
  for (; at < half; at++) {
    const float a = x[at], b = x[half + at];
    y[at] = a * table[at] - b * table[half + at];
    y[half + at] = b * table[at] + a * table[half + at];
  }
}

// From memory Intel's cores rotate one head of each of four bands of tokens in turn, ask for the next eight lines of a band, and store lines in pairs.
// Emerald Rapids, two times 4096 tokens of 32 heads of 128, share of a copy: one band asked for 4 KiB ahead 87 to 90 %, four bands so 90,
// 1 KiB ahead 89 to 91, 512 B 94; a copy in one run 79, in four 95, in eight 97. Two threads: 91 and 95 %.
// Heads of other widths go the same way and were not timed; of one whose half is no even number of lines, as of 96, the odd line is not asked for.
constexpr int64_t ropeBands = 4, ropeAhead = 128;
// Of one tensor.
template <bool far, bool inBands>
void ropeOf(const OpArgs& args, int tensor, Span tokens) {
  const int64_t seq = args.dims[1], dim = args.dims[4], heads = args.dims[2 + tensor];
  const auto one = [=, &args](int64_t t, int64_t h) __attribute__((always_inline)) {
    const int64_t at = (t * heads + h) * dim;
    rotate<far, inBands ? ropeAhead : 0>(input(args, tensor) + at, output(args, tensor) + at, input(args, 2) + t % seq * dim, dim / 2);
  };
  const int64_t band = inBands ? (tokens.to - tokens.from) / ropeBands : 0, rest = tokens.from + ropeBands * band;
  for (int64_t t = tokens.from; t < tokens.from + band; t++)
    for (int64_t h = 0; h < heads; h++)
      for (int64_t b = 0; b < ropeBands; b++) one(t + b * band, h);
  for (int64_t t = rest; t < tokens.to; t++)
    for (int64_t h = 0; h < heads; h++) one(t, h);
  drain(far);
}

void rope(const OpArgs& args) {
  const int64_t all = args.dims[0] * args.dims[1], dim = args.dims[4];
  const Span tokens = share(all, 1, args.thread, args.threads);
  for (int tensor = 0; tensor < 2; tensor++) {
    const bool far = isFar(output(args, tensor), all * args.dims[2 + tensor] * dim, dim / 2);
    if (!far) ropeOf<false, false>(args, tensor, tokens);
    else if (tunedFor() == Cores::intel) ropeOf<true, true>(args, tensor, tokens);
    else ropeOf<true, false>(args, tensor, tokens);
  }
}

// --- reductions

// dims: rows, cols
template <typename F>
void reduceRows(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], line, args.thread, args.threads);
  reduceEach<F>(input(args, 0) + rows.from * cols, rows.to - rows.from, cols, output(args, 0) + rows.from);
}

// dims: elements, parts. The sum of each of so many parts: the first of two stages of a whole tensor's sum, since threads do not wait
// for one another within a kernel. Parts shorter than f32 keeps exact enough, and the same for any number of threads.
void sumParts(const OpArgs& args) {
  const int64_t parts = args.dims[1], each = (args.dims[0] + parts - 1) / parts;
  const Span span = share(parts, 1, args.thread, args.threads);
  const int64_t whole = each > 0 ? least(span.to, args.dims[0] / each) : 0;
  if (whole > span.from) reduceEach<Total>(input(args, 0) + span.from * each, whole - span.from, each, output(args, 0) + span.from);
  for (int64_t p = whole > span.from ? whole : span.from; p < span.to; p++) {
    const int64_t from = p * each, left = args.dims[0] - from;
    reduce<Total>(input(args, 0) + from, left < 0 ? 0 : least(left, each), output(args, 0) + p);
  }
}

}  // namespace

int movesOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"transpose", transpose, 3, 1, 1};
  rows[n++] = {"embedding", embedding, 3, 2, 1};
  rows[n++] = {"rope", rope, 5, 3, 2};
  rows[n++] = {"row-sum", reduceRows<Total>, 2, 1, 1};
  rows[n++] = {"row-max", reduceRows<Most>, 2, 1, 1};
  rows[n++] = {"sum-parts", sumParts, 2, 1, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
