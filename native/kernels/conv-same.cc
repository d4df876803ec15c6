// Convolution of 3 x 3 taps with stride 1 whose rows of outputs are as wide as its rows of inputs: under every tap the inputs of consecutive
// outputs are then consecutive, rows and all, so that tiles read the planes where they lie. Lanes whose tap lies in the padding are masked.
// No output is computed twice or in vain, and nothing is copied.
#include "conv.h"
#include "loops.h"
#include "product.h"

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)
namespace {

// A tile: filters by vectors of positions. Zen 4, 64 channels, a mask in a register for each vector: 117 GFLOP/s of 118 with 8 x 3, 104 with
// 12 x 2, whose twelve broadcasts a step leave no room; with masks from memory 105 and 98.
constexpr int tall = 8, broad = 3;
constexpr int across = 3;                // taps each way
constexpr int64_t bandFloats = 1 << 17;  // inputs of a band of positions: half of an L2 of 1 MiB

// Outputs beyond which lines of y are asked for while a tile is summed: 8 x 16 x 112 x 112 by 16 filters 4.22 ms on Zen 4, 4.31 without; in the
// caches it costs 1 %.
constexpr int64_t nearOutputs = 1 << 18;

template <int R, int W>
struct Sums {
  f32v of[R][W];
};

// Weights of the filters of a tile where they lie, three to a pointer as in RowsA.
template <int R>
struct Filters {
  static constexpr int each = 3, pointers = (R + each - 1) / each;
  const float* at[pointers];
  int64_t depth;
  Filters(const float* w, int64_t d) : depth(d) { RP_STEP(pointers) at[i] = w + each * i * depth; }
  RP_MEMBER f32v weight(int i, int64_t tap) const { return splat(at[i / each][i % each * depth + tap]); }
  RP_MEMBER void next(int64_t taps) { RP_STEP(pointers) at[i] += taps; }
};

template <int R, int W>
RP_MEMBER void addTap(Sums<R, W>& sums, const Filters<R>& w, int64_t tap, const f32v (&x)[W]) {
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    const f32v a = w.weight(i, tap);
    RP_UNROLL
    for (int j = 0; j < W; j++) sums.of[i][j] += a * x[j];
  }
}

// Where the lanes of a tile's vectors lie.
template <int W>
struct Places {
  __m512i row[W], column[W];
  Places(const ConvShape& s, int64_t position) {
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i width = _mm512_set1_epi32(int(s.width));
    __m512i y = _mm512_set1_epi32(int(position / s.width)), x = _mm512_add_epi32(lane, _mm512_set1_epi32(int(position % s.width)));
    for (int j = 0; j < W; j++, x = _mm512_add_epi32(x, _mm512_set1_epi32(lanes))) {
      for (__mmask16 over; (over = _mm512_cmpge_epi32_mask(x, width)) != 0;) {
        x = _mm512_mask_sub_epi32(x, over, x, width);
        y = _mm512_mask_add_epi32(y, over, y, _mm512_set1_epi32(1));
      }
      row[j] = y;
      column[j] = x;
    }
  }
  // The lanes of a vector whose tap lies `down` rows and `right` columns away inside the plane.
  RP_MEMBER __mmask16 inRow(const ConvShape& s, int j, int64_t right) const {
    return _mm512_cmplt_epu32_mask(_mm512_add_epi32(column[j], _mm512_set1_epi32(int(right))), _mm512_set1_epi32(int(s.width)));
  }
  RP_MEMBER __mmask16 inColumn(const ConvShape& s, int j, int64_t down) const {
    return _mm512_cmplt_epu32_mask(_mm512_add_epi32(row[j], _mm512_set1_epi32(int(down))), _mm512_set1_epi32(int(s.height)));
  }
};

// addTap() in the lanes of a mask: on the multiply-adds masks cost nothing, on a load a place on the ports that multiply (Emerald Rapids, 16
// channels of 28 x 28: at best 159 GFLOP/s of 179, 146 without; 64 of 56 x 56 in turn, beside a busy neighbour: 1.03 times as fast, two
// threads 1.15 times).
template <int R, int W>
RP_MEMBER void addTapIn(const __mmask16 (&mask)[W], Sums<R, W>& sums, const Filters<R>& w, int64_t tap, const f32v (&x)[W]) {
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    const __m512 a = __m512(w.weight(i, tap));
    RP_UNROLL
    for (int j = 0; j < W; j++) sums.of[i][j] = f32v(_mm512_mask3_fmadd_ps(a, __m512(x[j]), __m512(sums.of[i][j]), mask[j]));
  }
}

// A tile none of whose taps lies above or below the plane, and no vector beyond the tensor: only the outer taps of a row need masks, which
// stay in registers.
template <int R, int W>
RP_MEMBER void sumInside(Sums<R, W>& sums, const ConvShape& s, const float* x, const Places<W>& places, Filters<R> w) {
  __mmask16 left[W], right[W];
  RP_STEP(W) left[i] = places.inRow(s, i, -s.dilation);
  RP_STEP(W) right[i] = places.inRow(s, i, s.dilation);
  const int64_t plane = s.height * s.width, down = s.dilation * s.width;
  x -= down;
  for (int64_t channel = 0; channel < s.groupChannels; channel++, x += plane) {
    const float* from = x;
    for (int y = 0; y < across; y++, from += down, w.next(across)) {
      f32v v[W];
      RP_STEP(W) v[i] = load(from - s.dilation + i * lanes);
      addTapIn(left, sums, w, 0, v);
      RP_STEP(W) v[i] = load(from + i * lanes);
      addTap(sums, w, 1, v);
      RP_STEP(W) v[i] = load(from + s.dilation + i * lanes);
      addTapIn(right, sums, w, 2, v);
    }
  }
}

// Any tile: tap by tap, so that masks stay in registers, over as many channels as stay in L1 with their weights.
template <int R, int W>
RP_MEMBER void sumAtEdge(Sums<R, W>& sums, const ConvShape& s, const float* x, const Places<W>& places, Filters<R> w, const __mmask16 (&kept)[W]) {
  constexpr int taps = across * across;
  constexpr int64_t block = 32;
  const int64_t plane = s.height * s.width;
  int64_t offset[taps];
  __mmask16 inside[taps][W];
  for (int tap = 0; tap < taps; tap++) {
    const int64_t down = (tap / across - 1) * s.dilation, right = (tap % across - 1) * s.dilation;
    RP_STEP(W) inside[tap][i] = places.inRow(s, i, right) & places.inColumn(s, i, down) & kept[i];
    offset[tap] = down * s.width + right;
  }
  for (int64_t first = 0; first < s.groupChannels; first += block, x += block * plane, w.next(block * taps)) {
    const int64_t count = least(block, s.groupChannels - first);
    for (int tap = 0; tap < taps; tap++) {
      __mmask16 mask[W];
      RP_STEP(W) mask[i] = inside[tap][i];
      const float* from = x + offset[tap];
      Filters<R> at = w;
      at.next(tap);
      for (int64_t channel = 0; channel < count; channel++, from += plane, at.next(taps)) {
        f32v v[W];
        RP_STEP(W) v[i] = f32v(_mm512_maskz_loadu_ps(mask[i], from + i * lanes));
        addTap(sums, at, 0, v);
      }
    }
  }
}

// An image: its first plane, and how many floats of the tensor lie before it and behind its last plane.
struct Image {
  const float* x;
  int64_t before, behind;
};

// R filters at W vectors of positions of one image; y is the plane of the first filter.
template <int R, int W>
void tileOf(const ConvShape& s, const Image& image, const float* w, float* y, int64_t filter, int64_t position, const Epilogue& out) {
  Sums<R, W> sums = {};
  const Places<W> places(s, position);
  const int64_t left = s.outputs - position;
  const bool whole = left >= W * lanes;
  const int64_t above = position - s.dilation * s.width, below = (s.height - s.dilation) * s.width - position - W * lanes;
  const bool inside = whole && above >= 0 && below >= 0 && above + image.before >= s.dilation && below + image.behind >= s.dilation;
  __mmask16 kept[W];
  RP_STEP(W) kept[i] = __mmask16(left >= (i + 1) * lanes ? 0xffff : (1u << (left - i * lanes)) - 1);
  if (s.batch * s.filters * s.outputs > nearOutputs) RP_STEP(R) for (int j = 0; j < W; j++) __builtin_prefetch(y + i * s.outputs + position + j * lanes, 0, 2);
  const float* const x = image.x;
  if (inside) sumInside(sums, s, x + position, places, Filters<R>(w, s.depth));
  else sumAtEdge(sums, s, x + position, places, Filters<R>(w, s.depth), kept);
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    float* const to = y + i * s.outputs + position;
    RP_UNROLL
    for (int j = 0; j < W; j++) {
      const f32v v = out(sums.of[i][j], filter + i);
      if (whole) store(to + j * lanes, v);
      else _mm512_mask_storeu_ps(to + j * lanes, kept[j], __m512(v));
    }
  }
}

// Tiles of R filters over the vectors of positions.
template <int R>
void tilesOf(const ConvShape& s, Span vectors, const Image& x, const float* w, float* y, int64_t filter, const Epilogue& out) {
  for (int64_t v = vectors.from; v < vectors.to; v += broad) {
    const int64_t position = v * lanes, count = vectors.to - v;
    if (count >= broad) tileOf<R, broad>(s, x, w, y, filter, position, out);
    else if (count == 2) tileOf<R, 2>(s, x, w, y, filter, position, out);
    else tileOf<R, 1>(s, x, w, y, filter, position, out);
  }
}
template <int R = tall>
void tiles(int64_t rows, const ConvShape& s, Span vectors, const Image& x, const float* w, float* y, int64_t filter, const Epilogue& out) {
  if constexpr (R > 1) {
    if (rows < R) return tiles<R - 1>(rows, s, vectors, x, w, y, filter, out);
  }
  tilesOf<R>(s, vectors, x, w, y, filter, out);
}

}  // namespace

bool convSame(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  const int64_t plane = s.height * s.width;
  const bool fits = s.kernel == across && s.stride == 1 && s.before == s.dilation && s.outWidth == s.width && s.outHeight == s.height;
  if (!fits || s.groupChannels == 0 || plane > INT32_MAX / 2 || s.dilation > INT32_MAX / 4) return false;
  // positions of a band whose inputs stay in L2 while all filters pass
  const int64_t most = (bandFloats / s.groupChannels - 2 * s.dilation * s.width) / (broad * lanes) * broad;
  if (most < broad) return false;
  if (!allFinite(c.w, s.filters * s.depth)) return false;
  const int64_t images = s.batch * s.groups, vectors = (s.outputs + lanes - 1) / lanes;
  const int64_t threads = args.threads, high = evenly(s.groupFilters, tall, 1);
  // whether fewer vectors are summed by the busiest thread if each takes some of the filters and not of the positions
  const auto parts = [](int64_t all, int64_t part) { return (all + part - 1) / part; };
  const int64_t heights = parts(s.groupFilters, high);
  const bool byFilter = parts(heights, threads) * images * vectors < heights * parts(images * vectors, threads);
  const Span mine = byFilter ? Span{0, images * vectors} : share(images * vectors, 1, args.thread, args.threads);
  const Span filters = byFilter ? share(s.groupFilters, high, args.thread, args.threads) : Span{0, s.groupFilters};
  for (int64_t at = mine.from; at < mine.to;) {
    const int64_t image = at / vectors, from = at % vectors, group = image % s.groups, b = image / s.groups;
    const int64_t rest = least(vectors - from, mine.to - at), count = evenly(rest, most, broad);
    const int64_t first = (b * s.channels + group * s.groupChannels) * plane;
    const Image x = {c.x + first, first, s.batch * s.channels * plane - first - s.groupChannels * plane};
    for (int64_t f = filters.from; f < filters.to; f += high) {
      const int64_t filter = group * s.groupFilters + f;
      tiles(least(high, filters.to - f), s, {from, from + count}, x, c.w + filter * s.depth, c.y + (b * s.filters + filter) * s.outputs, filter, c.out);
    }
    at += count;
  }
  return true;
}
#else
bool convSame(const OpArgs&, const ConvShape&, const ConvArgs&) { return false; }
#endif

}  // namespace RP_NS
}  // namespace rp
