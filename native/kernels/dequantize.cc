// The matrix product that widens quantized weights while it packs them: c[m,n] = x[m,k] w[n,k]^T, w = scale * q.
#include "decode.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

// Rows of w as columns of B: `chunk` elements of each are widened into L1 and turned from there.
template <typename Q>
struct PackDecoded {
  const typename Q::Byte* q;
  const float* scales;
  int64_t first, k, group;
  static constexpr int chunk = 64;
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, float* to) const {
    constexpr int wide = NR<F32>;
    float rows[wide * chunk];
    for (int64_t j0 = 0; j0 < lines; j0 += wide, to += wide * words) {
      const int64_t columns = least(wide, lines - j0);
      for (int64_t p = 0; p < words; p += chunk) {
        const int64_t count = least(chunk, words - p);
        for (int64_t j = 0; j < columns; j++) row((first + line + j0 + j) * k, word + p, count, rows + j * chunk);
        packPanels<float, wide>(rows, chunk, 1, columns, count, to + p * wide);
      }
    }
  }
  Source source(int64_t line, int64_t word, int64_t lines, int64_t words) const {
    constexpr int64_t per = Q::perByte;
    return {reinterpret_cast<const char*>(q) + ((first + line) * k + word) / per, k / per, lines, words / per};
  }
  // `count` elements of the row that begins at element `row`, from the one `from` in it: group after group.
  void row(int64_t row, int64_t from, int64_t count, float* to) const {
    for (int64_t i = 0; i < count;) {
      const int64_t at = from + i, part = least(count - i, group - at % group);
      decode<Q>(q, row + at, part, scales[(row + at) / group], to + i);
      i += part;
    }
  }
};

// dims: m, n, k, group; x, q, scales
template <typename Q>
void gemm(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2], group = args.dims[3];
  const Part mine = partOf<F32>(m, n, args.thread, args.threads);
  if (mine.empty()) return;
  product<F32>(blocksF32, mine.height(), mine.width(), k, PackWords<float, MR>{{input(args, 0) + mine.rows.from * k, k, 1}},
               PackDecoded<Q>{input<typename Q::Byte>(args, 1), input(args, 2), mine.columns.from, k, group},
               output(args, 0) + mine.rows.from * n + mine.columns.from, n, 1.0f, false, args.scratch);
}

}  // namespace

int dequantizeOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"dequantize-int8+gemm", gemm<Int8>, 4, 3, 1};
  rows[n++] = {"dequantize-int4+gemm", gemm<Int4>, 4, 3, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
