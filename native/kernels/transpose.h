// Transposition; dims: batch, rows, cols. Part of moves.cc.
#pragma once
#include "../core/cores.h"
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

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

// The next row of a matrix, from a pointer that walks: of a base and multiples the compiler keeps sixteen rows' offsets on the stack.
template <typename P>
RP_INLINE void step(P*& p, int64_t floats) {
  p += floats;
  __asm__("" : "+r"(p));
}

// Eight columns of sixteen rows, by loads of half lines.
RP_INLINE void takeHalves(const float* x, int64_t cols, Quarters& quarter) {
  RP_UNROLL for (int r = 0; r < 4; r++, step(x, cols)) {
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
  RP_UNROLL for (int half = 0; half < 2; half++) {
    const float *above = x, *below = x;
    step(above, 8 * half);
    step(below, 16 * cols + 8 * half);
    Quarters upper, lower;
    takeHalves(above, cols, upper);
    takeHalves(below, cols, lower);
    RP_UNROLL for (int c = 0; c < 2; c++) {
      f32v left[4], right[4];
      turnQuarter(upper[c], left);
      turnQuarter(lower[c], right);
      RP_UNROLL for (int i = 0; i < 4; i++, step(y, rows)) {
        stream(y, left[i]);
        stream(y + line, right[i]);
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
constexpr int64_t band = 2 * tile;
constexpr int64_t runColumns = 8 * tile, tilesAhead = 64, tilesAgain = 8;
// Every column of a panel is a row of y and a page of its own, which the next bands go on with: the TLB's 2048 entries hold the pages of 1536 rows
// beside those that are read, not those of 2048 (Emerald Rapids, a guest in pages of 4 KiB of its host: stores alone, in pairs of lines, 95.7 % of
// a stream in panels of 1024, in those of 2048 89.5). Rows of x a multiple of 4 KiB apart share one set of L1, whose twelve ways do not hold the 32
// lines that its prefetcher brings for the next tiles: they are asked for, into L2, and whole pages of each row are read. Share of a copy, two
// matrices of 4096 x 8192 in turn: 80 to 83 % in panels of 2048, 84 to 86 of 1024 and of 1536, asked 84 to 88 and 85. Of 8704 columns: 87, 90, 93,
// asked 89; of 8320: 87, 89, 93, 90. It differs by pages: one matrix of four in a process took 5 to 8 % longer than another.
constexpr bool shareSet(int64_t cols) { return cols % 1024 == 0; }
template <bool intel>
constexpr int64_t panelFor(int64_t cols) { return !intel ? 2048 : shareSet(cols) ? 1024 : 1536; }

// A band of a panel: rows [top, bottom) of whole tiles, and columns, of the last of which some may be no whole tile.
struct Area {
  const float* x;
  float* y;
  int64_t top, bottom, first, end;

  Area(const OpArgs& args, int64_t panel, int64_t index) {
    const int64_t rows = args.dims[1], cols = args.dims[2];
    const int64_t bands = (rows + band - 1) / band, panels = (cols + panel - 1) / panel, batch = index / bands / panels;
    x = input(args, 0) + batch * rows * cols;
    y = output(args, 0) + batch * rows * cols;
    top = index % bands * band;
    bottom = top + band < rows ? top + band : rows;
    first = index / bands % panels * panel;
    end = first + panel < cols ? first + panel : cols;
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

#if defined(RP_ISA_AVX512)
// A band of 32 rows from left to right. `asks`: for sixteen lines a pair of tiles, of two tiles side by side. Emerald Rapids, the same loads and stores
// without arithmetic, 4096 x 8192, share of a copy: 85 to 88 %, so 89 to 91; four tiles ahead, one line of each row or four or eight 85 to 88, the
// whole band before 79 to 82, into L1 76. With 8192 + 1040 columns, nothing asked for, 95; x in eight runs from end to end 96.
constexpr int64_t pairsAhead = 2;
template <bool asks>
RP_INLINE void transposeBand(const Area& area, const Area& next, int64_t rows, int64_t cols) {
  const float *x = area.x + area.top * cols + area.first, *ask = x + pairsAhead * tile;
  const float* const goOn = next.x + next.top * cols + next.first;
  float* y = area.y + area.first * rows + area.top;
  for (int64_t left = area.tiles() / 2; left > 0; left--, x += tile, y += tile * rows) {
    if (asks) {
      if (left == pairsAhead) ask = goOn;
      const float* from = left % 2 == 0 ? ask : ask + tile * cols - tile;
      RP_UNROLL for (int64_t k = 0; k < tile; k++, step(from, cols)) {
        __builtin_prefetch(from, 0, 2);
        __builtin_prefetch(from + line, 0, 2);
      }
      ask += tile;
    }
    transposePair(x, rows, cols, y);
  }
}
#endif

template <bool intel>
void transposePanels(const OpArgs& args) {
  const int64_t rows = args.dims[1], cols = args.dims[2];
  const int64_t panel = panelFor<intel>(cols);
  const int64_t bands = (rows + band - 1) / band, panels = (cols + panel - 1) / panel;
  const Span span = share(args.dims[0] * panels * bands, 1, args.thread, args.threads);
  for (int64_t s = span.from; s < span.to; s++) {
    const Area area(args, panel, s), next(args, panel, s + 1 < span.to ? s + 1 : s);
    const int64_t tiles = area.tiles(), ahead = tilesAhead < tiles ? tilesAhead : tiles, left = s + 1 < span.to ? next.tiles() : 0;
    // Nothing of the loop may be kept on the stack, whose regular stores hold up those past the caches: with the distances below the compiler counted
    // n there, and Emerald Rapids took 14.8 ms for 12.5 (4096 x 8192).
    int64_t n = 0;
#if defined(RP_ISA_AVX512)
    if (intel && !area.isLow()) {
      if (shareSet(cols)) transposeBand<true>(area, next, rows, cols);
      else transposeBand<false>(area, next, rows, cols);
      n = tiles;
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

}  // namespace
}  // namespace RP_NS
}  // namespace rp
