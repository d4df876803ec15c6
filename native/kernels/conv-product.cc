// Convolution as a matrix product, w[filters, channels * taps] times columns[channels * taps, batch * outputs], whose columns are gathered
// for a block at a time (Chetlur et al. 2014, arXiv:1410.0759, section 3). Rows of w are the rows of the register tile, positions its lanes.
#include "../core/cores.h"
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
// Floats of filters that are packed once and not for every block of columns: 128 KiB, a part of L2. Emerald Rapids, 256 filters of 64 terms: 2 %.
constexpr int64_t keptFilters = 1 << 15;

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
      const int64_t start = row + from * s.stride;
      // of 1 x 1 taps without padding a row goes on where the last one ends
      const bool goesOn = n > 0 && s.stride == 1 && out[n - 1].from >= 0 && out[n - 1].from + out[n - 1].count == start;
      if (till > from && goesOn) out[n - 1].count += int32_t(till - from);
      else if (till > from) out[n++] = {start, int32_t(to + from - ox), int32_t(till - from)};
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

// Asks for the inputs of a block's columns, line by line, while the block before is multiplied: they lie in planes, pages apart, which the hardware
// does not fetch ahead. Emerald Rapids, 8 x 64 x 56 x 56 by 256 filters of 1 x 1: gathering from L3 took a sixth of the time; 0.76 of the ceiling
// without, 0.81 so.
class Ahead {
 public:
  Ahead() {}
  // Of columns [first, first + count) and channels [channel, channel + channels) of a group, spread over `turns` calls of next().
  Ahead(const ConvShape& s, const float* x, int64_t group, int64_t first, int64_t count, int64_t channel, int64_t channels, int64_t turns)
      : s_(&s), x_(x + (group * s.groupChannels + channel) * s.height * s.width), first_(first), end_(first + count), channels_(channels) {
    image();
    // the first image's share stands for all
    const int64_t lines = channels * ((stop_ - start_) / line + 1), columnsHere = least(count, s.outputs - first % s.outputs);
    each_ = (lines * ((count + columnsHere - 1) / columnsHere) + turns - 1) / turns;
  }
  RP_MEMBER void next() {
    for (int64_t i = 0; i < each_ && first_ < end_; i++) {
      __builtin_prefetch(from_ + at_, 0, 2);
      if ((at_ += line) >= stop_) another();
    }
  }

 private:
  static constexpr int64_t line = 64 / sizeof(float);
  const ConvShape* s_ = nullptr;
  const float *x_ = nullptr, *from_ = nullptr;  // planes of the first channel of image 0, the plane at hand
  int64_t first_ = 0, end_ = 0, channels_ = 0, channel_ = 0, at_ = 0, start_ = 0, stop_ = 0, each_ = 0;

  // the floats [start, stop) of every plane of an image
  void image() {
    const int64_t at = first_ % s_->outputs, last = least(at + end_ - first_, s_->outputs) - 1;
    const int64_t top = at / s_->outWidth * s_->stride - s_->before;
    const int64_t bottom = last / s_->outWidth * s_->stride - s_->before + s_->dilation * (s_->kernel - 1);
    start_ = s_->pointwise() ? at : (top > 0 ? top : 0) * s_->width;
    stop_ = s_->pointwise() ? last + 1 : least(bottom + 1, s_->height) * s_->width;
    from_ = x_ + first_ / s_->outputs * s_->channels * s_->height * s_->width;
    channel_ = 0;
    at_ = start_;
  }
  void another() {
    at_ = start_;
    from_ += s_->height * s_->width;
    if (++channel_ < channels_) return;
    first_ += s_->outputs - first_ % s_->outputs;
    if (first_ < end_) image();
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
template <int R, typename B>
inline __attribute__((always_inline)) void sumTile(Tile<R>& sums, int64_t k, const float* a, int64_t row, int64_t along, B b, const float* y,
                                                   int64_t rowY, Ahead& ahead) {
  constexpr int64_t between = 4;
  int64_t p = 0;
  if (y && k >= R * between)
    for (int i = 0; i < R; i++, p += between) {
      RP_UNROLL
      for (int64_t j = 0; j < columns; j += 64 / int64_t(sizeof(float))) __builtin_prefetch(y + i * rowY + j, 1, 2);
      ahead.next();
      accumulateFrom(sums, between, a + p * along, row, along, b);
    }
  accumulateFrom(sums, k - p, a + p * along, row, along, b);
}

// Rows of columns that stand in x as they are, those of 1 x 1 taps: the first tile that reads them leaves them in the panel for the others, its loads
// and stores hidden behind the multiply-adds (Emerald Rapids, as above: 0.81 to 0.84 of the ceiling).
struct InPlace {
  const float* at;
  int64_t plane;
  float* panel;
  RP_MEMBER void take(f32v& left, f32v& right) {
    constexpr int64_t ahead = 8;
    RP_UNROLL
    for (int64_t j = 0; j < columns; j += 64 / int64_t(sizeof(float))) __builtin_prefetch(at + ahead * plane + j, 0, 3);
    left = load(at);
    right = load(at + lanes);
    store(panel, left);
    store(panel + lanes, right);
    at += plane;
    panel += pitch;
  }
};

// A share of one group: filters and columns from..to.
void product(const ConvShape& s, const ConvArgs& c, int64_t group, Span filters, Span positions, float* scratch) {
  const Gather gather{s, c.x, c.x + s.batch * s.channels * s.height * s.width};
  const int64_t channels = s.taps >= depthBlock ? 1 : depthBlock / s.taps;
  const int64_t rows = least(channels, s.groupChannels) * s.taps;
  float* const packedA = scratch;
  const int64_t high = (filters.to - filters.from) / tileRows * tileRows, places = positions.to - positions.from;
  const bool once = high * s.depth <= keptFilters && high * s.depth + rows * pitch + 2 * lanes <= int64_t(scratchFloats) && places > 2 * columns;
  if (once) packPanels<float, tileRows>(c.w + (group * s.groupFilters + filters.from) * s.depth, s.depth, 1, high, s.depth, packedA);
  const int64_t packed = roundUp(once && high > 0 ? high * s.depth : rows * tileRows, lanes);
  float* const packedB = packedA + packed;
  const int64_t fitting = (int64_t(scratchFloats) - packed - lanes) / (rows * pitch);
  const int64_t block = columns * least(panels, fitting);
  const bool asks = tunedFor() == Cores::intel;
  for (int64_t jc = positions.from; jc < positions.to; jc += block) {
    const int64_t nc = least(block, positions.to - jc), count = (nc + columns - 1) / columns;
    for (int64_t ch = 0; ch < s.groupChannels; ch += channels) {
      const int64_t cc = least(channels, s.groupChannels - ch), k = cc * s.taps;
      // whether the first tile fills a panel from x
      const auto inPlace = [&](int64_t t) {
        const int64_t first = jc + t * columns;
        return s.pointwise() && high > 0 && (once || count > 2) && jc + nc - first >= columns && first % s.outputs + columns <= s.outputs;
      };
      for (int64_t t = 0; t < count; t++)
        if (!inPlace(t)) gather.panel(group, jc + t * columns, least(columns, nc - t * columns), ch, cc, packedB + t * rows * pitch);
      const bool last = ch + cc >= s.groupChannels;
      Ahead ahead;
      const int64_t nextColumn = last ? jc + block : jc, nextChannel = last ? 0 : ch + channels;
      if (asks && nextColumn < positions.to)
        ahead = Ahead(s, c.x, group, nextColumn, least(block, positions.to - nextColumn), nextChannel, least(channels, s.groupChannels - nextChannel),
                      count * (filters.to - filters.from));
      for (int64_t f = filters.from; f < filters.to; f += tileRows) {
        const int64_t r = least(tileRows, filters.to - f), filter = group * s.groupFilters + f;
        // packing pays from three tiles on; before, the tile reads the filters as they lie
        const float* const w = c.w + filter * s.depth + ch * s.taps;
        const bool pack = r == tileRows && (once || count > 2);
        const float* const a = once ? packedA + (f - filters.from) * s.depth + ch * s.taps * tileRows : packedA;
        if (pack && !once) packPanels<float, tileRows>(w, s.depth, 1, r, k, packedA);
        withRows(r, [&](auto size) __attribute__((always_inline)) {
          constexpr int R = decltype(size)::value;
          for (int64_t t = 0; t < count; t++) {
            Tile<R> sums = {};
            float* const panel = packedB + t * rows * pitch;
            const RowsOfTwo b = {panel, pitch};
            const int64_t first = jc + t * columns, image = first / s.outputs;
            const float* const y = c.y + (image * s.filters + filter) * s.outputs + first % s.outputs;
            if (R == tileRows && f == filters.from && inPlace(t)) {
              const int64_t channel = (image * s.channels + group * s.groupChannels + ch) * s.outputs;
              sumTile(sums, k, a, 1, tileRows, InPlace{c.x + channel + first % s.outputs, s.outputs, panel}, y, s.outputs, ahead);
            } else if (pack) sumTile(sums, k, a, 1, tileRows, b, y, s.outputs, ahead);
            else sumTile(sums, k, w, s.depth, 1, b, y, s.outputs, ahead);
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
