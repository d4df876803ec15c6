// Convolution and its chain with BatchNorm and ReLU.
#include "conv.h"
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

enum Algorithm { automatic, direct };

// Inputs: x, w, the bias where there is one, scale and shift where BatchNorm follows.
template <Algorithm algorithm, bool bias, bool normalized>
void conv(const OpArgs& args) {
  const ConvShape s(args.dims);
  constexpr int scale = bias ? 3 : 2;
  const ConvArgs c{input(args, 0), input(args, 1), output(args, 0),
                   {bias ? input(args, 2) : nullptr, normalized ? input(args, scale) : nullptr,
                    normalized ? input(args, scale + 1) : nullptr, normalized}};
  if (s.batch * s.filters * s.outputs == 0) return;
  if (s.groupChannels == 1 && (convDepthwiseDown(args, s, c) || convDepthwiseRows(args, s, c) || convDepthwise(args, s, c))) return;
  if (algorithm == automatic && convSame(args, s, c)) return;
  // gathering a column costs as much for 8 filters as for 512
  const bool few = s.groupFilters <= 64 && s.taps > 1;
  if ((algorithm == direct || few) && convDirect(args, s, c)) return;
  convProduct(args, s, c);
}

// y = x * scale + shift per channel; dims: batch, channels, positions. The vector that ends a plane begins the next one, and those behind it stay
// within a line each: planes of 196 floats that began anew crossed one with three vectors of four, loaded and stored. Emerald Rapids, 64 of them:
// 1.39 to 1.28 us, two threads, whose halves nearly fit L1, 0.56 to 0.41; 250 planes of 49 2.3 to 1.3 us.
template <bool far>
void batchnormRange(const OpArgs& args, Span mine) {
  const int64_t channels = args.dims[1], positions = args.dims[2];
  if (mine.from >= mine.to) return;
  const float *scale = input(args, 1), *shift = input(args, 2), *x = input(args, 0) + mine.from;
  float* y = output(args, 0) + mine.from;
  const int64_t plane = mine.from / positions;
  int64_t channel = plane % channels, left = mine.to - mine.from, inPlane = (plane + 1) * positions - mine.from;
  while (left > 0) {
    int64_t count = inPlane < left ? inPlane : left;
    left -= count;
    inPlane = positions;
    const f32v by = splat(scale[channel]), add = splat(shift[channel]);
    channel = channel + 1 < channels ? channel + 1 : 0;
    for (; count >= 4 * lanes; count -= 4 * lanes, x += 4 * lanes, y += 4 * lanes) RP_STEP(4) put<far>(y + i * lanes, load(x + i * lanes) * by + add);
    for (; count >= lanes; count -= lanes, x += lanes, y += lanes) put<far>(y, load(x) * by + add);
    if (count == 0) continue;
    const int64_t room = positions < lanes ? 0 : lanes - count, next = room < left ? room : left;
    const int all = int(count + next), first = int(count);
    give(y, take(x, all) * firstLanes(first, by, splat(scale[channel])) + firstLanes(first, add, splat(shift[channel])), all);
    x += all;
    y += all;
    left -= next;
    inPlane -= next;
  }
}

// From memory in as many runs of whole planes as mapTensor() takes. Emerald Rapids, 24 x 128 x 12544, share of a copy: in one stream 79 %, with lines
// asked for 8 KiB ahead into L2 92, in two runs 94, in four 97 to 98.
void batchnormFar(const OpArgs& args, Span mine) {
  const int64_t channels = args.dims[1], positions = args.dims[2];
  const float *x = input(args, 0), *scale = input(args, 1), *shift = input(args, 2);
  const auto of = [=](int64_t plane) __attribute__((always_inline)) {
    const f32v by = splat(scale[plane % channels]), add = splat(shift[plane % channels]);
    return [=](auto& v, int64_t at, int n) __attribute__((always_inline)) {
      takeAll(v, x + at, n);
      RP_UNROLL for (f32v& each : v) each = each * by + add;
    };
  };
  const int64_t first = (mine.from + positions - 1) / positions, last = mine.to / positions, each = last > first ? (last - first) / runs : 0;
  if (each == 0) return batchnormRange<true>(args, mine);
  batchnormRange<true>(args, {mine.from, first * positions});
  for (int64_t plane = first; plane < first + each; plane++) {
    const decltype(of(0)) body[] = {of(plane), of(plane + each), of(plane + 2 * each), of(plane + 3 * each)};
    static_assert(sizeof body == runs * sizeof body[0], "");
    for (int64_t at = 0; at < positions; at += runStep<4>)
      RP_UNROLL for (int k = 0; k < runs; k++) {
        const int64_t from = (plane + k * each) * positions, end = from + positions, to = from + at + runStep<4>;
        mapRange<true, 8>(from + at, to < end ? to : end, output(args, 0), body[k]);
      }
  }
  batchnormRange<true>(args, {(first + runs * each) * positions, mine.to});
}

void batchnorm(const OpArgs& args) {
  const int64_t count = args.dims[0] * args.dims[1] * args.dims[2];
  const Span mine = share(count, line, args.thread, args.threads);
  const bool far = isFar(output(args, 0), count, args.dims[2]);
  if (far) batchnormFar(args, mine);
  else batchnormRange<false>(args, mine);
  drain(far);
}

}  // namespace

int convOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"conv", conv<automatic, false, false>, 11, 2, 1};
  rows[n++] = {"conv+bias", conv<automatic, true, false>, 11, 3, 1};
  rows[n++] = {"conv-direct", conv<direct, false, false>, 11, 2, 1};
  rows[n++] = {"conv-direct+bias", conv<direct, true, false>, 11, 3, 1};
  rows[n++] = {"conv+batchnorm+relu", conv<automatic, false, true>, 11, 4, 1};
  rows[n++] = {"batchnorm", batchnorm, 3, 3, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
