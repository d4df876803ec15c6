// Operators that move elements: transpose, embedding gather, rotary encoding; and reductions.
#include "../core/cores.h"
#include "loops.h"
#include "reductions.h"

namespace rp {
namespace RP_NS {
namespace {

// --- transpose; dims: batch, rows, cols

// A 16 x 16 block, by a buffer in L1: lines of x are read whole and lines of y written whole.
constexpr int64_t tile = 16;

template <bool far, bool>
inline void transposeTile(const float* x, int64_t rows, int64_t cols, float* y) {
  alignas(64) float buffer[tile * tile];
  for (int64_t r = 0; r < tile; r++) {
    float row[tile];
    __builtin_memcpy(row, x + r * cols, sizeof row);
    RP_UNROLL for (int64_t c = 0; c < tile; c++) buffer[c * tile + r] = row[c];
  }
  for (int64_t c = 0; c < tile; c++)
    for (int64_t i = 0; i < tile; i += lanes) put<far>(y + c * rows + i, load(buffer + c * tile + i));
}

#if defined(RP_ISA_AVX512)
// 16 x 16 in registers, of which quarter[c][r] has elements 4c to 4c + 3 of rows r, r + 4, r + 8 and r + 12.
typedef __m512 Quarters[4][4];

// By loads that broadcast under a mask: two rounds of shuffles remain of four, 32 of them, and Zen 4 does one of 64 bytes per cycle. All
// quarters of four rows are taken before the next four are touched: rows a power of two apart share one set of L1, which has room for eight
// of the sixteen (4096 x 8192: 2.3 ms for 3.4).
RP_INLINE void takeQuarters(const float* x, int64_t cols, Quarters& quarter) {
  RP_UNROLL for (int r = 0; r < 4; r++, x += cols) {
    RP_UNROLL for (int c = 0; c < 4; c++) {
      const float* const from = x + 4 * c;
      __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(from));
      v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(from + 4 * cols));
      v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(from + 8 * cols));
      quarter[c][r] = _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(from + 12 * cols));
    }
  }
}
// By loads of whole rows and two rounds of shuffles more. Emerald Rapids is bound by loads that L1 lacks, of which it has sixteen on their way: 256 x
// 192 from L2 6.9 us for 7.5, 4096 x 8192 11.7 ms for 13.2.
RP_INLINE void takeRows(const float* x, int64_t cols, Quarters& quarter) {
  __m512 row[16];
  RP_STEP(16) row[i] = _mm512_loadu_ps(x + i * cols);
  RP_UNROLL for (int r = 0; r < 4; r++) {
    const __m512 a = _mm512_shuffle_f32x4(row[r], row[r + 4], 0x44), b = _mm512_shuffle_f32x4(row[r], row[r + 4], 0xee);
    const __m512 d = _mm512_shuffle_f32x4(row[r + 8], row[r + 12], 0x44), e = _mm512_shuffle_f32x4(row[r + 8], row[r + 12], 0xee);
    quarter[0][r] = _mm512_shuffle_f32x4(a, d, 0x88);
    quarter[1][r] = _mm512_shuffle_f32x4(a, d, 0xdd);
    quarter[2][r] = _mm512_shuffle_f32x4(b, e, 0x88);
    quarter[3][r] = _mm512_shuffle_f32x4(b, e, 0xdd);
  }
}

// Eight columns of sixteen rows, by loads of half lines.
RP_INLINE void takeHalves(const float* x, int64_t cols, Quarters& quarter) {
  RP_UNROLL for (int r = 0; r < 4; r++, x += cols) {
    const __m512 a = _mm512_mask_broadcast_f32x8(_mm512_castps256_ps512(_mm256_loadu_ps(x)), 0xff00, _mm256_loadu_ps(x + 8 * cols));
    const __m512 b = _mm512_mask_broadcast_f32x8(_mm512_castps256_ps512(_mm256_loadu_ps(x + 4 * cols)), 0xff00, _mm256_loadu_ps(x + 12 * cols));
    const __m512d left = _mm512_castps_pd(a), right = _mm512_castps_pd(b);
    quarter[0][r] = _mm512_castpd_ps(_mm512_mask_permutex_pd(left, 0xcc, right, 0x44));
    quarter[1][r] = _mm512_castpd_ps(_mm512_mask_permutex_pd(right, 0x33, left, 0xee));
  }
}
// Four columns of sixteen rows, as four rows of sixteen.
RP_INLINE void turnQuarter(const __m512 (&quarter)[4], f32v (&out)[4]) {
  const __m512 a = _mm512_unpacklo_ps(quarter[0], quarter[1]), b = _mm512_unpackhi_ps(quarter[0], quarter[1]);
  const __m512 d = _mm512_unpacklo_ps(quarter[2], quarter[3]), e = _mm512_unpackhi_ps(quarter[2], quarter[3]);
  out[0] = f32v(_mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(d))));
  out[1] = f32v(_mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(d))));
  out[2] = f32v(_mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(b), _mm512_castps_pd(e))));
  out[3] = f32v(_mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(b), _mm512_castps_pd(e))));
}

template <bool far, bool intel>
RP_INLINE void transposeSixteen(const float* x, int64_t rows, int64_t cols, float* y) {
  Quarters quarter;
  if (intel) takeRows(x, cols, quarter);
  else takeQuarters(x, cols, quarter);
  RP_UNROLL for (int c = 0; c < 4; c++, y += 4 * rows) {
    f32v out[4];
    turnQuarter(quarter[c], out);
    RP_STEP(4) put<far>(y + i * rows, out[i]);
  }
}
// Two such blocks below one another, stored past the caches so that both lines of a row of y follow one another. Emerald Rapids, 4096 x 8192: such
// stores alone take 6.3 ms, of one line in turn from each of sixteen rows 7.5, a stream of them 5.6.
RP_INLINE void transposePair(const float* x, int64_t rows, int64_t cols, float* y) {
  RP_UNROLL for (int half = 0; half < 2; half++, x += 8, y += 8 * rows) {
    Quarters upper, lower;
    takeHalves(x, cols, upper);
    takeHalves(x + 16 * cols, cols, lower);
    RP_UNROLL for (int c = 0; c < 2; c++) {
      f32v left[4], right[4];
      turnQuarter(upper[c], left);
      turnQuarter(lower[c], right);
      RP_STEP(4) {
        stream(y + (4 * c + i) * rows, left[i]);
        stream(y + (4 * c + i) * rows + line, right[i]);
      }
    }
  }
}
#define RP_TILE transposeSixteen
#elif defined(__x86_64__) && !defined(RP_ISA_SCALAR)
// 4 x 4 blocks in registers
template <bool far, bool>
inline void transposeQuads(const float* x, int64_t rows, int64_t cols, float* y) {
  for (int64_t c = 0; c < tile; c += 4)
    for (int64_t r = 0; r < tile; r += 4) {
      __m128 a = _mm_loadu_ps(x + (r + 0) * cols + c), b = _mm_loadu_ps(x + (r + 1) * cols + c);
      __m128 d = _mm_loadu_ps(x + (r + 2) * cols + c), e = _mm_loadu_ps(x + (r + 3) * cols + c);
      _MM_TRANSPOSE4_PS(a, b, d, e);
      const __m128 out[4] = {a, b, d, e};
      RP_UNROLL for (int k = 0; k < 4; k++) {
        float* const to = y + (c + k) * rows + r;
        if (far) _mm_stream_ps(to, out[k]);
        else _mm_storeu_ps(to, out[k]);
      }
    }
}
#define RP_TILE transposeQuads
#else
#define RP_TILE transposeTile
#endif

// A strip: columns, at most a tile of them, that become rows of y.
struct Strip {
  const float* x;
  float* y;
  int64_t width;
  Strip(const OpArgs& args, int64_t index) {
    const int64_t rows = args.dims[1], cols = args.dims[2], strips = (cols + tile - 1) / tile, first = index % strips * tile;
    x = input(args, 0) + index / strips * rows * cols + first;
    y = output(args, 0) + (index / strips * cols + first) * rows;
    width = first + tile <= cols ? tile : cols - first;
  }
};

// Read from top to bottom. Neither what is read nor what is stored to is a stream that a prefetcher foresees: on Intel both are asked for two tiles
// ahead, at the end of a strip those of the next one, unless another thread writes it. Emerald Rapids, 256 x 192 from L2: 6.4 us, where nothing is
// asked for, or strips end without, 6.9; in a loop 6.05, which loads and stores in this order alone take too, and a copy 4.9. Rows 2 KiB apart
// share so few sets of L1 that what is read would be gone before its turn: 512 x 512 54 us, 71 with it.
template <bool intel>
RP_INLINE void transposeStrip(const Strip& strip, const Strip* next, int64_t rows, int64_t cols) {
  const float* const x = strip.x;
  float* const y = strip.y;
  const bool spread = cols % 512 != 0;
  int64_t r = 0;
  if (strip.width == tile)
    for (const int64_t whole = rows / tile * tile; r < whole; r += tile) {
      const int64_t then = r + 2 * tile;
      if (intel && (then < whole || next)) {
        const float* const from = then < whole ? x + then * cols : next->x + (then - whole) * cols;
        float* const to = then < whole ? y + then : next->y + then - whole;
        RP_UNROLL for (int64_t k = 0; k < tile; k++) prefetchToWrite(to + k * rows);
        if (spread) RP_UNROLL for (int64_t k = 0; k < tile; k++) __builtin_prefetch(from + k * cols, 0, 3);
      }
      RP_TILE<false, intel>(x + r * cols, rows, cols, y + r);
    }
  for (; r < rows; r++)
    for (int64_t c = 0; c < strip.width; c++) y[c * rows + r] = x[r * cols + c];
}

// From memory: sixteen columns of a band of rows from top to bottom, so that sixteen rows of y are written from left to right in runs of two
// lines, which memory takes at full speed (lone lines at half of it). What is read so is foreseen by no prefetcher and asked for into L2, twice,
// since Zen 4 forgets what it is asked for while its queue is full: in runs of eight lines of a row, 64 tiles ahead, and eight tiles ahead in
// the order of use. 4096 x 2048 of 8192 columns: 1.84 ms; asked for once, two strips ahead, in bands of 128 rows 2.0 to 2.1; a copy 1.4; loads and
// stores alone in the former order 1.7 to 1.8. Lone lines asked for twice 1.92, bands of 64 rows 1.85, of 128 2.0. Bands of 32 rows also stay within the
// ways of L2 where rows are a multiple of 128 KiB apart. Panels of some thousand columns, so that several threads have work where rows are few.
constexpr int64_t panelColumns = 2048, band = 2 * tile;
constexpr int64_t runColumns = 8 * tile, tilesAhead = 64, tilesAgain = 8;

// A band of a panel: rows [top, bottom) of whole tiles, and columns, of the last of which some may be no whole tile.
struct Area {
  const float* x;
  float* y;
  int64_t top, bottom, first, end;

  Area(const OpArgs& args, int64_t index) {
    const int64_t rows = args.dims[1], cols = args.dims[2];
    const int64_t bands = (rows + band - 1) / band, panels = (cols + panelColumns - 1) / panelColumns, batch = index / bands / panels;
    x = input(args, 0) + batch * rows * cols;
    y = output(args, 0) + batch * rows * cols;
    top = index % bands * band;
    bottom = top + band < rows ? top + band : rows;
    first = index / bands % panels * panelColumns;
    end = first + panelColumns < cols ? first + panelColumns : cols;
  }
  RP_MEMBER bool isLow() const { return bottom - top == tile; }
  RP_MEMBER int64_t tiles() const { return (end - first) / tile << (isLow() ? 0 : 1); }
  // Row and column where the n-th tile begins.
  RP_MEMBER int64_t row(int64_t n) const { return isLow() ? top : top + (n & 1) * tile; }
  RP_MEMBER int64_t column(int64_t n) const { return first + (isLow() ? n : n >> 1) * tile; }

  RP_MEMBER void askTile(int64_t n, int64_t cols) const {
    const float* ask = x + row(n) * cols + column(n);
    RP_UNROLL for (int64_t k = 0; k < tile; k++, ask += cols) __builtin_prefetch(ask, 0, 2);
  }
  // As many lines as a tile has: all tiles of eight strips together ask for each row's run.
  RP_MEMBER void askRuns(int64_t n, int64_t cols) const {
    const int64_t perRun = isLow() ? 8 : 16, at = first + n / perRun * runColumns;
    if (at + runColumns > end) return askTile(n, cols);
    const float* const ask = x + (top + n % perRun * 2) * cols + at;
    RP_UNROLL for (int64_t k = 0; k < tile; k++) __builtin_prefetch(ask + k / 8 * cols + k % 8 * line, 0, 2);
  }
};

template <bool intel>
void transposePanels(const OpArgs& args) {
  const int64_t rows = args.dims[1], cols = args.dims[2];
  const int64_t bands = (rows + band - 1) / band, panels = (cols + panelColumns - 1) / panelColumns;
  const Span span = share(args.dims[0] * panels * bands, 1, args.thread, args.threads);
  for (int64_t s = span.from; s < span.to; s++) {
    const Area area(args, s), next(args, s + 1 < span.to ? s + 1 : s);
    const int64_t tiles = area.tiles(), ahead = tilesAhead < tiles ? tilesAhead : tiles, left = s + 1 < span.to ? next.tiles() : 0;
    // Emerald Rapids asks for nothing: it takes as long in a loop that does, and with all these distances the compiler counted n on the stack, whose
    // regular store at every tile held up the stores past the caches: 4096 x 8192 14.8 ms for 12.5, and 11.7 to 12.6 in pairs of tiles.
    int64_t n = 0;
#if defined(RP_ISA_AVX512)
    if (intel && !area.isLow()) {
      const float* x = area.x + area.top * cols + area.first;
      float* y = area.y + area.first * rows + area.top;
      for (; n < tiles; n += 2, x += tile, y += tile * rows) transposePair(x, rows, cols, y);
    }
#endif
    for (; n < tiles; n++) {
      if (!intel) {
        if (n + ahead < tiles) area.askRuns(n + ahead, cols);
        else if (n + ahead - tiles < left) next.askRuns(n + ahead - tiles, cols);
        if (n + tilesAgain < tiles) area.askTile(n + tilesAgain, cols);
        else if (n + tilesAgain - tiles < left) next.askTile(n + tilesAgain - tiles, cols);
      }
      const int64_t r = area.row(n), c = area.column(n);
      RP_TILE<true, intel>(area.x + r * cols + c, rows, cols, area.y + c * rows + r);
    }
    for (int64_t c = area.end - (area.end - area.first) % tile; c < area.end; c++)
      for (int64_t i = area.top; i < area.bottom; i++) area.y[c * rows + i] = area.x[i * cols + c];
  }
  drain(true);
}

template <bool intel>
void transposeAs(const OpArgs& args) {
  const int64_t rows = args.dims[1], cols = args.dims[2];
  if (rows == 0) return;
  if (isFar(output(args, 0), args.dims[0] * rows * cols, rows)) return transposePanels<intel>(args);
  // strips of 16 rows of y go to the threads
  const Span span = share(args.dims[0] * ((cols + tile - 1) / tile), 1, args.thread, args.threads);
  for (int64_t s = span.from; s < span.to; s++) {
    const bool goesOn = s + 1 < span.to;
    const Strip strip(args, s), next(args, goesOn ? s + 1 : s);
    transposeStrip<intel>(strip, goesOn ? &next : nullptr, rows, cols);
  }
}

void transpose(const OpArgs& args) {
  if (tunedFor() == Cores::intel) transposeAs<true>(args);
  else transposeAs<false>(args);
}

// --- embedding; dims: rows, width, rows of the table

// Rows from memory: a thread's are cut into bands, each a stream of its own, and four lines of each are copied in turn. No prefetcher foresees
// where the next row begins, and one that has begun takes pages to come up to speed (a row of 4 KiB alone takes 450 ns, in order 120), so
// every line is asked for into L2. Zen 4 forgets what it is asked for while its queue is full: lines are asked for twice, 64 KiB ahead in all
// bands together, and again 16 KiB ahead. 2048 rows of 16 KiB: 1.32 to 1.39 ms, asked for once 1.70; a copy 1.26 to 1.30. Rows of 2 KiB: 1.69 ms
// in sixteen bands, 2.08 in eight, those of 16 KiB 1.39 to 1.47 and 1.32 to 1.38.
constexpr int64_t turn = 4 * line;
constexpr int turnsAhead = 256, turnsAgain = 64;  // of all bands
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
template <typename From>
inline void copyBands(From from, int bands, int64_t count, int64_t width, float* out) {
  const auto ask = [=](Place place, int64_t row) __attribute__((always_inline)) {
    const float* const start = from(row + place.row) + place.at;
    for (int64_t i = 0; i < turn && place.at + i < width; i += line) __builtin_prefetch(start + i, 0, 2);
  };
  Place ahead = {0, 0}, again = {0, 0}, now = {0, 0};
  for (int i = 0; i < turnsAhead / bands; i++) ahead.next(width);
  for (int i = 0; i < turnsAgain / bands; i++) again.next(width);
  for (; now.row < count; now.next(width), again.next(width), ahead.next(width))
    for (int64_t row = 0; row < bands * count; row += count) {
      if (ahead.row < count) ask(ahead, row);
      if (again.row < count) ask(again, row);
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
    copyBands(from, bands, count, width, output(args, 0) + r * width);
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

// Lines asked for ahead on Intel, in one stream from end to end whose stores pass the caches: Emerald Rapids, 4096 tokens of 32 heads of 128,
// 13.0 ms for 14.9, 2 KiB ahead 12.8, a copy in four runs 11.8.
constexpr int64_t ropeAhead = 1024;
// ahead: x is asked for that many floats before it is used, 0: not at all.
template <bool far, int64_t ahead>
void rotate(const float* x, float* y, const float* table, int64_t half) {
  int64_t at = 0;
  for (; at + lanes <= half; at += lanes) {
    if (ahead > 0 && at % line == 0) {
      __builtin_prefetch(x + at + ahead, 0, 2);
      __builtin_prefetch(x + half + at + ahead, 0, 2);
    }
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

void rope(const OpArgs& args) {
  const int64_t seq = args.dims[1], dim = args.dims[4];
  const Span tokens = share(args.dims[0] * seq, 1, args.thread, args.threads);
  for (int tensor = 0; tensor < 2; tensor++) {
    const int64_t heads = args.dims[2 + tensor];
    const bool far = isFar(output(args, tensor), args.dims[0] * seq * heads * dim, dim / 2);
    const auto turn = !far ? rotate<false, 0> : tunedFor() == Cores::intel ? rotate<true, ropeAhead> : rotate<true, 0>;
    for (int64_t t = tokens.from; t < tokens.to; t++)
      for (int64_t h = 0; h < heads; h++) {
        const int64_t at = (t * heads + h) * dim;
        turn(input(args, tensor) + at, output(args, tensor) + at, input(args, 2) + t % seq * dim, dim / 2);
      }
    drain(far);
  }
}

// --- reductions

// dims: rows, cols
template <typename F>
void reduceRows(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], line, args.thread, args.threads);
  for (int64_t r = rows.from; r < rows.to; r++) output(args, 0)[r] = reduce<F>(input(args, 0) + r * cols, cols);
}

// dims: elements, parts. The sum of each of so many parts: the first of two stages of a whole tensor's sum, since threads do not wait
// for one another within a kernel. Parts shorter than f32 keeps exact enough, and the same for any number of threads.
void sumParts(const OpArgs& args) {
  const int64_t parts = args.dims[1], each = (args.dims[0] + parts - 1) / parts;
  const Span span = share(parts, 1, args.thread, args.threads);
  for (int64_t p = span.from; p < span.to; p++) {
    const int64_t from = p * each, left = args.dims[0] - from;
    output(args, 0)[p] = left > 0 ? reduce<Total>(input(args, 0) + from, left < each ? left : each) : 0.0f;
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
