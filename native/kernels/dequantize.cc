// The matrix product that widens quantized weights while it packs them: c[m,n] = x[m,k] w[n,k]^T, w = scale * q.
#include "decode.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

#if defined(RP_ISA_AVX512) || defined(RP_ISA_AVX2)
#define RP_TURN_BYTES 1
constexpr int square = 16;  // rows of 8 bytes that are turned together
inline __m128i eight(const void* p) { return _mm_loadl_epi64(static_cast<const __m128i*>(p)); }
// turned[b] becomes byte b of 16 rows that lie `step` bytes apart.
RP_INLINE void turnBytes(const char* from, int64_t step, __m128i (&turned)[8]) {
  __m128i a[8], b[8];
  RP_STEP(8) a[i] = _mm_unpacklo_epi8(eight(from + i * step), eight(from + (i + 8) * step));
  RP_STEP(4) b[i] = _mm_unpacklo_epi8(a[i], a[i + 4]);  // bytes 0 to 3, then 4 to 7
  RP_STEP(4) b[i + 4] = _mm_unpackhi_epi8(a[i], a[i + 4]);
  RP_STEP(8) a[i] = i % 4 < 2 ? _mm_unpacklo_epi8(b[i], b[i + 2]) : _mm_unpackhi_epi8(b[i - 2], b[i]);
  RP_STEP(8) turned[i] = i % 2 == 0 ? _mm_unpacklo_epi8(a[i], a[i + 1]) : _mm_unpackhi_epi8(a[i - 1], a[i]);
}
// 16 bytes, or the low and the high halves of 16 bytes, as floats times 16 scales: a step along k, or two.
#if defined(RP_ISA_AVX512)
RP_INLINE void widen(Int8, __m128i bytes, const float* scales, float* to, int64_t) {
  store(to, f32v(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))) * load(scales));
}
#else
RP_INLINE void widen(Int8, __m128i bytes, const float* scales, float* to, int64_t) {
  store(to, f32v(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))) * load(scales));
  store(to + lanes, f32v(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))) * load(scales + lanes));
}
#endif
#if defined(RP_ISA_AVX512)
RP_INLINE void widen(Int4, __m128i bytes, const float* scales, float* to, int64_t step) {
  const __m512i halves = _mm512_cvtepu8_epi32(bytes);
  const __m512 values = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1), by = _mm512_loadu_ps(scales);
  // of an index only the lowest four bits count
  _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_permutexvar_ps(halves, values), by));
  _mm512_storeu_ps(to + step, _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(halves, 4), values), by));
}
#else
RP_INLINE void widen(Int4, __m128i bytes, const float* scales, float* to, int64_t step) {
  const __m128i mask = _mm_set1_epi8(15), values = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
  widen(Int8{}, _mm_shuffle_epi8(values, _mm_and_si128(bytes, mask)), scales, to, 0);
  widen(Int8{}, _mm_shuffle_epi8(values, _mm_and_si128(_mm_srli_epi16(bytes, 4), mask)), scales, to + step, 0);
}
#endif
#endif

// Rows of w as columns of B: `chunk` elements of each are widened into L1 and turned from there.
template <typename Q>
struct PackDecoded {
  static constexpr bool words = false;
  const typename Q::Byte* q;
  const float* scales;
  int64_t first, k, group;
  static constexpr int chunk = 64;
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, float* to) const {
    constexpr int wide = NR<F32>;
    float rows[wide * chunk];
    for (int64_t j0 = 0; j0 < lines; j0 += wide, to += wide * words) {
      const int64_t columns = least(wide, lines - j0);
      int64_t p = 0;
#if defined(RP_TURN_BYTES)
      if (columns % square == 0 && k % group == 0 && group % step == 0 && word % step == 0)
        for (; p + step <= words; p += step) turned(line + j0, word + p, columns, to + p * wide);
#endif
      for (; p < words; p += chunk) {
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
#if defined(RP_TURN_BYTES)
  // The elements of eight bytes of every row, which share a scale: bytes are turned before they are widened, a fourth of the work or less.
  static constexpr int64_t step = 8 * Q::perByte;
  void turned(int64_t line, int64_t word, int64_t columns, float* to) const {
    const int64_t groups = k / group;
    const float* by = scales + (first + line) * groups + word / group;
    for (int64_t j = 0; j < columns; j += square, by += square * groups) {
      const int64_t at = (first + line + j) * k + word;
      float scale[square];
      for (int i = 0; i < square; i++) scale[i] = by[i * groups];
      __m128i bytes[8];
      turnBytes(reinterpret_cast<const char*>(q) + at / Q::perByte, k / Q::perByte, bytes);
      RP_STEP(8) widen(Q{}, bytes[i], scale, to + i * Q::perByte * NR<F32> + j, NR<F32>);
    }
  }
#endif
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
  const Part mine = partOf<F32>(m, n, args.thread, args.threads, 2);
  if (mine.empty()) return;
  product<F32>(mine.height(), mine.width(), k, PackWords<float, MR>{{input(args, 0) + mine.rows.from * k, k, 1}},
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
