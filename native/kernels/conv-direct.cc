// Convolution without gathering. A plane of the input is copied once, padded, and split by the remainders of its coordinates by the
// stride (stride² phases): under every tap the inputs of consecutive outputs are then consecutive, row after row of outputs, and the
// tile's vectors are read where they lie. Between two rows of outputs stand a few positions that belong to no output. With stride 1 they are
// the padding, which the right end of a row shares with the left end of the next.
#include "conv.h"
#include "outer.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int64_t columns = tileColumns;
constexpr int64_t mostTaps = 256;        // 16 x 16; more do not fit a table on the stack
constexpr int64_t bandFloats = 1 << 17;  // planes of a band of output rows: half of an L2 of 1 MiB

// A band of output rows [from, from + rows) of one image.
struct Band {
  int64_t from, rows;
  int64_t phases, high, wide, plane, floats;  // phases along an axis, rows and columns of a phase, floats of one and of a channel
  int64_t after;                              // padding at the right end of a row
  bool shared;                                // with the left end of the next
  Band(const ConvShape& s, int64_t first, int64_t count) : from(first), rows(count) {
    const int64_t span = s.dilation * (s.kernel - 1);
    phases = least(s.stride, span + 1);
    high = count + span / s.stride;
    after = s.outWidth + span - s.width - s.before;
    shared = s.stride == 1 && after >= s.before && s.before <= span;
    wide = shared ? s.width + after : s.outWidth + span / s.stride;
    plane = high * wide;
    floats = phases * phases * plane + (shared ? s.before : 0);
  }
  int64_t offset(const ConvShape& s, int64_t tap) const {
    const int64_t y = tap / s.kernel * s.dilation, x = tap % s.kernel * s.dilation;
    return (y % s.stride * phases + x % s.stride) * plane + y / s.stride * wide + x / s.stride;
  }
};

// One channel of a band with stride 1 whose rows share their padding: zeros, then rows and the zeros behind each. What a vector writes beyond
// them, the next row or channel overwrites.
void fillRows(const ConvShape& s, const Band& band, const float* x, float* to) {
  for (int64_t j = 0; j < s.before; j++) to[j] = 0;
  to += s.before;
  for (int64_t r = 0; r < band.high; r++, to += band.wide) {
    const int64_t iy = band.from + r - s.before;
    int64_t j = 0;
    if (iy >= 0 && iy < s.height) {
      const float* const row = x + iy * s.width;
      for (; j + lanes <= s.width; j += lanes) store(to + j, load(row + j));
#if defined(RP_ISA_AVX512)
      if (j < s.width) {
        store(to + j, loadPart(row + j, int(s.width - j), 0.0f));
        j += lanes;
      }
#else
      for (; j < s.width; j++) to[j] = row[j];
#endif
    }
    for (; j < band.wide; j += lanes) store(to + j, splat(0.0f));
  }
}

// One channel of a band.
void fill(const ConvShape& s, const Band& band, const float* x, float* to) {
  if (band.shared) return fillRows(s, band, x, to);
  for (int64_t py = 0; py < band.phases; py++)
    for (int64_t px = 0; px < band.phases; px++)
      for (int64_t r = 0; r < band.high; r++, to += band.wide) {
        const int64_t iy = (band.from + r) * s.stride + py - s.before, across = px - s.before;
        if (iy < 0 || iy >= s.height) {
          for (int64_t j = 0; j < band.wide; j++) to[j] = 0;
          continue;
        }
        const float* const row = x + iy * s.width;
        const int64_t from = least(band.wide, across >= 0 ? 0 : (-across + s.stride - 1) / s.stride);
        const int64_t inside = s.width > across ? (s.width - across + s.stride - 1) / s.stride : 0;
        const int64_t till = inside < from ? from : least(band.wide, inside);
        int64_t j = 0;
        for (; j < from; j++) to[j] = 0;
        if (s.stride == 1) {
          for (; j + lanes <= till; j += lanes) store(to + j, load(row + across + j));
        }
        for (; j < till; j++) to[j] = row[across + j * s.stride];
        for (; j < band.wide; j++) to[j] = 0;
      }
}

// Adds w[i, channel, tap] * x[channel, offset of the tap + position].
template <int R>
static inline __attribute__((always_inline)) void accumulateTaps(Tile<R>& c, int64_t channels, int64_t taps, const int64_t* offsets,
                                                                 const float* w, int64_t row, int64_t along, const float* x,
                                                                 int64_t channel) {
  const float* at[4];
  for (int j = 0; j < 4; j++) at[j] = w + 3 * j * row;
  for (int64_t ch = 0; ch < channels; ch++, x += channel)
    for (int64_t t = 0; t < taps; t++) {
      const float* const b = x + offsets[t];
      // the same of the next channel, which is in L2
      __builtin_prefetch(b + channel);
      __builtin_prefetch(b + channel + columns);
      const f32v left = load(b), right = load(b + lanes);
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        const f32v a = splat(at[i / 3][i % 3 * row]);
        c.low[i] += a * left;
        c.high[i] += a * right;
      }
      RP_UNROLL
      for (int j = 0; j < 4; j++) at[j] += along;
    }
}

#if defined(RP_ISA_AVX512)
// The lanes of a vector of positions that are outputs, and the first of them in y.
struct Kept {
  __mmask16 mask;
  int64_t at, count;
  static uint32_t below(int64_t lane) { return lane <= 0 ? 0 : lane >= lanes ? 0xffff : (1u << lane) - 1; }
  Kept(const ConvShape& s, const Band& band, int64_t first, int64_t end) {
    const int64_t row = int32_t(first) / int32_t(band.wide), ox = first - row * band.wide;
    const uint32_t gap = below(band.wide - ox) & ~below(s.outWidth - ox);
    mask = __mmask16(below(band.wide + s.outWidth - ox) & ~gap & below(end - first));
    at = row * s.outWidth + least(ox, s.outWidth);
    count = __builtin_popcount(mask);
  }
  // What a whole vector writes beyond its outputs, the next overwrites; behind the last there may be another thread's.
  RP_MEMBER void put(f32v v, float* y, int64_t last) const {
    const f32v kept = f32v(_mm512_maskz_compress_ps(mask, __m512(v)));
    if (at + lanes <= last) store(y + at, kept);
    else storePart(y + at, kept, int(count));
  }
};
#endif

// The outputs among the positions [first, first + columns) of a band.
template <int R>
inline void storeTile(const ConvShape& s, const Band& band, const Tile<R>& t, float* y, int64_t filter, int64_t first, const Epilogue& out) {
  const int64_t end = least(first + columns, band.rows * band.wide);
#if defined(RP_ISA_AVX512)
  // Outputs on both sides of a gap are neighbours in y.
  if (band.wide >= lanes) {
    const int64_t last = band.rows * s.outWidth;
    float* const to = y + band.from * s.outWidth;
    const Kept low(s, band, first, end), high(s, band, first + lanes, end);
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      low.put(out(t.low[i], filter + i), to + i * s.outputs, last);
      high.put(out(t.high[i], filter + i), to + i * s.outputs, last);
    }
    return;
  }
#endif
  float edge[R * columns];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    store(edge + i * columns, out(t.low[i], filter + i));
    store(edge + i * columns + lanes, out(t.high[i], filter + i));
  }
  for (int64_t at = first; at < end;) {
    const int64_t r = at / band.wide, ox = at % band.wide, next = (r + 1) * band.wide;
    const int64_t run = least(s.outWidth - ox, end - at);
    for (int i = 0; i < R && run > 0; i++) {
      float* const row = y + i * s.outputs + (band.from + r) * s.outWidth + ox;
      const float* const from = edge + i * columns + at - first;
      int64_t j = 0;
      for (; j + lanes <= run; j += lanes) store(row + j, load(from + j));
      if (j < run) storePart(row + j, loadPart(from + j, int(run - j), 0.0f), int(run - j));
    }
    at = next;
  }
}

struct Plan {
  int64_t rows, bands;  // output rows of a band
};
// The bands of an image whose `channels` planes fit half of L2, or the scratch memory where a row of outputs does not; 0 rows where
// nothing fits.
Plan plan(const ConvShape& s, int64_t channels, int64_t spare) {
  const int64_t span = s.dilation * (s.kernel - 1);
  const int64_t row = least(s.stride, span + 1) * least(s.stride, span + 1) * (s.outWidth + span / s.stride) * channels;
  int64_t rows = bandFloats / row - span / s.stride;
  if (rows < 1 && row * (1 + span / s.stride) + spare <= int64_t(scratchFloats)) rows = 1;
  if (rows < 1 || s.taps > mostTaps) return {0, 0};
  rows = evenly(s.outHeight, rows, 1);
  return {rows, (s.outHeight + rows - 1) / rows};
}

// More bands than fit the caches ask for, where threads would otherwise get none, or one more than others.
void balance(const ConvShape& s, int64_t threads, Plan& bands) {
  const int64_t images = s.batch * s.groups;
  if (images * bands.bands >= 8 * threads) return;
  for (int64_t count = bands.bands; count <= bands.bands + threads && 2 * count <= s.outHeight; count++) {
    const int64_t rows = (s.outHeight + count - 1) / count;
    if (images * count % threads != 0 || (s.outHeight + rows - 1) / rows != count) continue;
    bands = {rows, count};
    return;
  }
}

}  // namespace

bool convDirect(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  const int64_t packed = s.depth * tileRows;
  Plan bands = plan(s, s.groupChannels, packed + columns + lanes);
  if (bands.rows > 0) balance(s, args.threads, bands);
  if (bands.rows == 0 || bandFloats + packed + columns + lanes > int64_t(scratchFloats)) return false;
  if (s.padded && !allFinite(c.w, s.filters * s.depth)) return false;
  const int64_t units = s.batch * s.groups * bands.bands;
  const bool byFilter = units % args.threads != 0 && units < 8 * args.threads && s.groupFilters >= 2 * tileRows * args.threads;
  const Span mine = byFilter ? Span{0, units} : share(units, 1, args.thread, args.threads);
  const Span filters = byFilter ? share(s.groupFilters, tileRows, args.thread, args.threads) : Span{0, s.groupFilters};
  float *const panel = args.scratch, *const planes = panel + packed;
  int64_t offsets[mostTaps];
  for (int64_t unit = mine.from; unit < mine.to; unit++) {
    const int64_t b = unit / (s.groups * bands.bands), group = unit / bands.bands % s.groups, first = unit % bands.bands * bands.rows;
    const Band band(s, first, least(bands.rows, s.outHeight - first));
    for (int64_t t = 0; t < s.taps; t++) offsets[t] = band.offset(s, t);
    for (int64_t ch = 0; ch < s.groupChannels; ch++)
      fill(s, band, c.x + (b * s.channels + group * s.groupChannels + ch) * s.height * s.width, planes + ch * band.floats);
    const int64_t positions = band.rows * band.wide;
    // tiles of equal height: few rows would wait for their vectors from L2
    const int64_t together = evenly(filters.to - filters.from, tileRows, 1);
    for (int64_t f = filters.from; f < filters.to; f += together) {
      const int64_t r = least(together, filters.to - f), filter = group * s.groupFilters + f;
      const float* const w = c.w + filter * s.depth;
      const bool pack = positions > 2 * columns;
      withRows(r, [&](auto size) __attribute__((always_inline)) {
        constexpr int R = decltype(size)::value;
        if (pack) packPanels<float, R>(w, s.depth, 1, R, s.depth, panel);
        for (int64_t at = 0; at < positions; at += columns) {
          Tile<R> sums = {};
          if (pack) accumulateTaps(sums, s.groupChannels, s.taps, offsets, panel, 1, R, planes + at, band.floats);
          else accumulateTaps(sums, s.groupChannels, s.taps, offsets, w, s.depth, 1, planes + at, band.floats);
          storeTile(s, band, sums, c.y + (b * s.filters + filter) * s.outputs, filter, at, c.out);
        }
      });
    }
  }
  return true;
}

// One channel per group: nothing is shared between filters but the inputs, and the kernel is bound by reading and writing planes. Four
// vectors of a row of outputs at a time.
bool convDepthwise(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  const Plan bands = plan(s, 1, columns);
  if (bands.rows == 0 || bandFloats + 4 * lanes > int64_t(scratchFloats)) return false;
  if (s.padded && !allFinite(c.w, s.filters * s.taps)) return false;
  const Span mine = share(s.batch * s.channels * bands.bands, 1, args.thread, args.threads);
  int64_t offsets[mostTaps];
  for (int64_t unit = mine.from; unit < mine.to; unit++) {
    const int64_t plane = unit / bands.bands, first = unit % bands.bands * bands.rows;
    const Band band(s, first, least(bands.rows, s.outHeight - first));
    for (int64_t t = 0; t < s.taps; t++) offsets[t] = band.offset(s, t);
    fill(s, band, c.x + plane * s.height * s.width, args.scratch);
    for (int64_t m = 0; m < s.groupFilters; m++) {
      const int64_t filter = plane % s.channels * s.groupFilters + m;
      const float* const w = c.w + filter * s.taps;
      float* const y = c.y + (plane / s.channels * s.filters + filter) * s.outputs + band.from * s.outWidth;
      float* const end = y + band.rows * s.outWidth;
      for (int64_t r = 0; r < band.rows; r++)
        for (int64_t ox = 0; ox < s.outWidth; ox += 4 * lanes) {
          f32v sum[4] = {};
          const float* const x = args.scratch + r * band.wide + ox;
          for (int64_t t = 0; t < s.taps; t++) {
            const f32v weight = splat(w[t]);
            RP_STEP(4) sum[i] += weight * load(x + offsets[t] + i * lanes);
          }
          float* const to = y + r * s.outWidth + ox;
          RP_STEP(4) {
            if (ox + i * lanes >= s.outWidth) continue;
            const f32v value = c.out(sum[i], filter);
            // what runs over into the next row of this band is overwritten by it
            if (to + (i + 1) * lanes <= end) store(to + i * lanes, value);
            else storePart(to + i * lanes, value, int(least(s.outWidth - ox - i * lanes, lanes)));
          }
        }
    }
  }
  return true;
}

}  // namespace RP_NS
}  // namespace rp
