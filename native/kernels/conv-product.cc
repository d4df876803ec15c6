// Convolution as a matrix product, w[filters, channels * taps] times columns[channels * taps, batch * outputs], whose columns are gathered
// for a block at a time (Chetlur et al. 2014, arXiv:1410.0759, section 3). Rows of w are the rows of the register tile, positions its lanes.
#include "conv.h"
#include "outer.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int64_t columns = tileColumns;
// A panel of columns is `depthBlock` rows of two vectors and one of slack, into which the last vector of a row may run over: 48 KiB with
// AVX-512. Sixteen panels stay in L2 beside a panel of filters, 12 KiB, which is packed once for all of them.
constexpr int64_t depthBlock = 256, panels = 16;
constexpr int64_t pitch = columns + lanes;

// Where a piece of a row of columns comes from: consecutive outputs of one image row under one tap.
struct Piece {
  int64_t from;  // offset in x of channel 0; below 0: padding
  int32_t to, count;
};

struct Gather {
  const ConvShape& s;
  const float* x;
  const float* end;  // of x: no vector is read across it

  // The pieces of columns [first, first + count) under a tap, for channel 0 of a group; returns how many.
  int pieces(int64_t group, int64_t first, int64_t count, int64_t tap, Piece* out) const {
    const int64_t down = tap / s.kernel * s.dilation - s.before, across = tap % s.kernel * s.dilation - s.before;
    // outputs whose tap lies inside: across + ox * stride in [0, width)
    const int64_t inside = across >= 0 ? 0 : (-across + s.stride - 1) / s.stride;
    const int64_t outside = s.width > across ? (s.width - across + s.stride - 1) / s.stride : 0;
    int n = 0;
    int64_t b = first / s.outputs, at = first % s.outputs;
    int64_t oy = at / s.outWidth, ox = at % s.outWidth;
    for (int64_t to = 0; to < count;) {
      const int64_t run = least(s.outWidth - ox, count - to), stop = ox + run;
      const int64_t iy = oy * s.stride + down;
      const int64_t from = iy < 0 || iy >= s.height ? stop : least(stop, ox > inside ? ox : inside);
      const int64_t till = least(stop, outside > from ? outside : from);
      const int64_t row = ((b * s.channels + group * s.groupChannels) * s.height + iy) * s.width + across;
      if (from > ox) out[n++] = {-1, int32_t(to), int32_t(from - ox)};
      if (till > from) out[n++] = {row + from * s.stride, int32_t(to + from - ox), int32_t(till - from)};
      if (stop > till) out[n++] = {-1, int32_t(to + till - ox), int32_t(stop - till)};
      to += run;
      ox = 0;
      if (++oy == s.outHeight) {
        oy = 0;
        b++;
      }
    }
    if (count < columns) out[n++] = {-1, int32_t(count), int32_t(columns - count)};
    return n;
  }

  // One row of a panel. Pieces stand in order: what a vector writes beyond its piece, the next piece overwrites.
  void row(const Piece* piece, int n, int64_t offset, float* to) const {
    for (int i = 0; i < n; i++) {
      float* const at = to + piece[i].to;
      const int count = piece[i].count;
      if (piece[i].from < 0) {
        for (int j = 0; j < count; j += lanes) store(at + j, splat(0.0f));
        continue;
      }
      const float* const from = x + piece[i].from + offset;
      if (s.stride == 1 && from + (count + lanes - 1) / lanes * lanes <= end) {
        for (int j = 0; j < count; j += lanes) store(at + j, load(from + j));
      } else {
        for (int j = 0; j < count; j++) at[j] = from[j * s.stride];
      }
    }
  }

  // A panel: rows channel by channel, tap by tap, of the channels [channel, channel + channels).
  void panel(int64_t group, int64_t first, int64_t count, int64_t channel, int64_t channels, float* to) const {
    Piece piece[3 * columns + 1];
    for (int64_t tap = 0; tap < s.taps; tap++) {
      const int n = pieces(group, first, count, tap, piece);
      for (int64_t c = 0; c < channels; c++) row(piece, n, (channel + c) * s.height * s.width, to + (c * s.taps + tap) * pitch);
    }
  }
};

// Sums of a tile to y: columns are positions of one image after another.
template <int R>
inline void storeTile(const ConvShape& s, const Tile<R>& t, float* y, int64_t filter, int64_t first, int64_t count, bool add,
                      const Epilogue* out) {
  const int64_t b = first / s.outputs, at = first % s.outputs;
  float* const to = y + (b * s.filters + filter) * s.outputs + at;
  if (count == columns && at + columns <= s.outputs) {
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      float* row = to + i * s.outputs;
      const f32v low = add ? load(row) + t.low[i] : t.low[i], high = add ? load(row + lanes) + t.high[i] : t.high[i];
      store(row, out ? (*out)(low, filter + i) : low);
      store(row + lanes, out ? (*out)(high, filter + i) : high);
    }
    return;
  }
  float edge[R * columns];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    store(edge + i * columns, t.low[i]);
    store(edge + i * columns + lanes, t.high[i]);
  }
  for (int64_t j = 0; j < count;) {
    const int64_t image = (first + j) / s.outputs, position = (first + j) % s.outputs, run = least(count - j, s.outputs - position);
    for (int i = 0; i < R; i++) {
      float* row = y + (image * s.filters + filter + i) * s.outputs + position;
      for (int64_t e = 0; e < run; e += lanes) {
        const int here = int(least(lanes, run - e));
        const float* from = edge + i * columns + j + e;
        f32v v = here == lanes ? load(from) : loadPart(from, here, 0.0f);
        if (add) v += here == lanes ? load(row + e) : loadPart(row + e, here, 0.0f);
        if (out) v = (*out)(v, filter + i);
        if (here == lanes) store(row + e, v);
        else storePart(row + e, v, here);
      }
    }
    j += run;
  }
}

// The sums of a tile over k rows of its panel. Lines of y are asked for a row at a time while the first rows are multiplied, since results
// that lie in memory would hold up the stores: 8 x 64 x 56 x 56 by 256 filters of 1 x 1 on Zen 4 at 85 GFLOP/s without.
template <int R>
inline __attribute__((always_inline)) void sumTile(Tile<R>& sums, int64_t k, const float* a, int64_t row, int64_t along, const float* b,
                                                   const float* y, int64_t rowY) {
  constexpr int64_t between = 4;
  int64_t p = 0;
  if (y && k >= R * between)
    for (int i = 0; i < R; i++, p += between) {
      RP_UNROLL
      for (int64_t j = 0; j < columns; j += 64 / int64_t(sizeof(float))) __builtin_prefetch(y + i * rowY + j, 1, 2);
      accumulate(sums, between, a + p * along, row, along, b + p * pitch, pitch);
    }
  accumulate(sums, k - p, a + p * along, row, along, b + p * pitch, pitch);
}

// A share of one group: filters and columns from..to.
void product(const ConvShape& s, const ConvArgs& c, int64_t group, Span filters, Span positions, float* scratch) {
  const Gather gather{s, c.x, c.x + s.batch * s.channels * s.height * s.width};
  const int64_t channels = s.taps >= depthBlock ? 1 : depthBlock / s.taps;
  const int64_t rows = least(channels, s.groupChannels) * s.taps;
  float* const packedA = scratch;
  float* const packedB = packedA + rows * tileRows;
  const int64_t fitting = (int64_t(scratchFloats) - rows * tileRows - lanes) / (rows * pitch);
  const int64_t block = columns * least(panels, fitting);
  for (int64_t jc = positions.from; jc < positions.to; jc += block) {
    const int64_t nc = least(block, positions.to - jc), count = (nc + columns - 1) / columns;
    for (int64_t ch = 0; ch < s.groupChannels; ch += channels) {
      const int64_t cc = least(channels, s.groupChannels - ch), k = cc * s.taps;
      for (int64_t t = 0; t < count; t++)
        gather.panel(group, jc + t * columns, least(columns, nc - t * columns), ch, cc, packedB + t * rows * pitch);
      const bool last = ch + cc >= s.groupChannels;
      for (int64_t f = filters.from; f < filters.to; f += tileRows) {
        const int64_t r = least(tileRows, filters.to - f), filter = group * s.groupFilters + f;
        // packing pays from three tiles on; before, the tile reads the filters as they lie
        const float* const w = c.w + filter * s.depth + ch * s.taps;
        const bool pack = r == tileRows && count > 2;
        if (pack) packPanels<float, tileRows>(w, s.depth, 1, r, k, packedA);
        withRows(r, [&](auto size) __attribute__((always_inline)) {
          constexpr int R = decltype(size)::value;
          for (int64_t t = 0; t < count; t++) {
            Tile<R> sums = {};
            const float* const b = packedB + t * rows * pitch;
            const int64_t first = jc + t * columns, image = first / s.outputs;
            const float* const y = c.y + (image * s.filters + filter) * s.outputs + first % s.outputs;
            if (pack) sumTile(sums, k, packedA, 1, tileRows, b, y, s.outputs);
            else sumTile(sums, k, w, s.depth, 1, b, y, s.outputs);
            storeTile(s, sums, c.y, filter, first, least(columns, nc - t * columns), ch > 0, last ? &c.out : nullptr);
          }
        });
      }
    }
  }
}

// The definition, term by term: where a weight is not finite, and padding would make NaN of it, which has no products in the definition.
void plain(const ConvShape& s, const ConvArgs& c, int64_t group, Span filters, Span positions) {
  for (int64_t f = filters.from; f < filters.to; f++)
    for (int64_t p = positions.from; p < positions.to; p++) {
      const int64_t b = p / s.outputs, at = p % s.outputs, filter = group * s.groupFilters + f;
      float sum = 0;
      for (int64_t t = 0; t < s.depth; t++) {
        const int64_t channel = group * s.groupChannels + t / s.taps, tap = t % s.taps;
        const int64_t iy = at / s.outWidth * s.stride + tap / s.kernel * s.dilation - s.before;
        const int64_t ix = at % s.outWidth * s.stride + tap % s.kernel * s.dilation - s.before;
        if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
        sum += c.x[((b * s.channels + channel) * s.height + iy) * s.width + ix] * c.w[filter * s.depth + t];
      }
      c.y[(b * s.filters + filter) * s.outputs + at] = firstOf(c.out(splat(sum), filter));
    }
}

}  // namespace

// Threads take groups, or columns, or filters: what divides best.
void convProduct(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  const int64_t positions = s.batch * s.outputs, threads = args.threads;
  const bool byGroup = s.groups >= 4 * threads || s.groups % threads == 0;
  const bool byFilter = !byGroup && positions < 8 * columns * threads && s.groupFilters >= 2 * tileRows * threads;
  const Span groups = byGroup ? share(s.groups, 1, args.thread, args.threads) : Span{0, s.groups};
  const Span filters = byFilter ? share(s.groupFilters, tileRows, args.thread, args.threads) : Span{0, s.groupFilters};
  const Span places = byGroup || byFilter ? Span{0, positions} : share(positions, columns, args.thread, args.threads);
  if (filters.from >= filters.to || places.from >= places.to) return;
  for (int64_t g = groups.from; g < groups.to; g++) {
    const int64_t first = (g * s.groupFilters + filters.from) * s.depth, count = (filters.to - filters.from) * s.depth;
    // a panel of one channel must fit, too
    const bool fits = s.taps * (tileRows + pitch) + 2 * lanes <= int64_t(scratchFloats);
    if (!fits || (s.padded && !allFinite(c.w + first, count))) plain(s, c, g, filters, places);
    else product(s, c, g, filters, places, args.scratch);
  }
}

}  // namespace RP_NS
}  // namespace rp
