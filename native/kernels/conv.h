// The shape of a two-dimensional convolution, y[batch, filters, outputs] of x[batch, channels, height, width] and
// w[filters, channels / groups, kernel, kernel], and what happens to its sums on their way out.
#pragma once
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {

// dims: batch, channels, filters, groups, height, width, kernel, stride, dilation, pad (both sides together, the larger half at the end), bias
struct ConvShape {
  int64_t batch, channels, filters, groups, height, width, kernel, stride, dilation, before;
  int64_t outHeight, outWidth, outputs, taps, groupChannels, groupFilters, depth;  // depth: terms of a sum
  bool padded;
  explicit ConvShape(const int64_t* d)
      : batch(d[0]), channels(d[1]), filters(d[2]), groups(d[3]), height(d[4]), width(d[5]), kernel(d[6]), stride(d[7]), dilation(d[8]),
        before(d[9] / 2), padded(d[9] > 0) {
    const int64_t span = dilation * (kernel - 1) + 1;
    outHeight = (height + d[9] - span) / stride + 1;
    outWidth = (width + d[9] - span) / stride + 1;
    outputs = outHeight * outWidth;
    taps = kernel * kernel;
    groupChannels = channels / groups;
    groupFilters = filters / groups;
    depth = groupChannels * taps;
  }
  // Columns of the product are then the inputs as they lie.
  bool pointwise() const { return taps == 1 && stride == 1 && !padded; }
};

// y = relu(scale * (sum + bias) + shift); each step where its array, or flag, is given.
struct Epilogue {
  const float *bias, *scale, *shift;
  bool relu;
  RP_MEMBER f32v operator()(f32v sum, int64_t filter) const {
    if (bias) sum += bias[filter];
    if (scale) sum = sum * scale[filter] + shift[filter];
    return relu ? max(splat(0.0f), sum) : sum;  // NaN stays: max hands on its second operand
  }
};

// Whether no number is NaN or infinite. Of such weights the products with padding would be NaN, and the definition has no such products.
static inline bool allFinite(const float* p, int64_t count) {
  f32v doubt[4] = {};
  int64_t at = 0;
  for (; at + 4 * lanes <= count; at += 4 * lanes)
    RP_STEP(4) {
      const f32v x = load(p + at + i * lanes);
      doubt[i] += x - x;
    }
  float rest = sumOf(doubt[0] + doubt[1] + doubt[2] + doubt[3]);
  for (; at < count; at++) rest += p[at] - p[at];
  return rest == 0;
}

struct ConvArgs {
  const float *x, *w;
  float* y;
  Epilogue out;
};

// As a matrix product whose columns are gathered block by block (implicit GEMM): conv-product.cc.
void convProduct(const OpArgs& args, const ConvShape& s, const ConvArgs& c);
// On planes padded beforehand, without gathering: conv-direct.cc. False where those do not fit the scratch memory.
bool convDirect(const OpArgs& args, const ConvShape& s, const ConvArgs& c);
// Of 3 x 3 taps on planes where they lie, outputs as wide and high as inputs: conv-same.cc. False where it cannot.
bool convSame(const OpArgs& args, const ConvShape& s, const ConvArgs& c);
// A filter per channel, any stride and dilation.
bool convDepthwise(const OpArgs& args, const ConvShape& s, const ConvArgs& c);
// The same with stride 1 and dilation 1, for 3, 5 and 7 taps each way: conv-depthwise.cc. False where it cannot.
bool convDepthwiseRows(const OpArgs& args, const ConvShape& s, const ConvArgs& c);
// The same for 3 x 3 taps with AVX-512: conv-depthwise3.cc. False where it cannot.
bool convDepthwiseDown(const OpArgs& args, const ConvShape& s, const ConvArgs& c);

}  // namespace RP_NS
}  // namespace rp
