// The matrix product that widens quantized weights while it packs them: c[m,n] = x[m,k] w[n,k]^T, w = scale * q.
#include "decode.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

#if defined(RP_ISA_AVX512)
#define RP_TURNS_ROWS 1
constexpr int64_t leastGroup = 32;
constexpr int square = 16;       // rows that are turned together,
constexpr int turnedBytes = 32;  // and bytes of each
// turned[d] becomes double word d of 16 rows that lie `step` bytes apart. Emerald Rapids shuffles 64 bytes or less on one of its two ports: single bytes,
// eight of each row, were four shuffles for every vector of floats; double words are three for four of them, or for eight.
RP_INLINE void turnWords(const char* from, int64_t step, __m512i (&turned)[8]) {
  __m512i a[8], b[8];
  RP_STEP(8) {
    const char* const row = from + (i / 4 * 8 + i % 4) * step;
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row));
    a[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + 4 * step)), 1);
  }
  RP_STEP(8) b[i] = i % 2 == 0 ? _mm512_unpacklo_epi32(a[i], a[i + 1]) : _mm512_unpackhi_epi32(a[i - 1], a[i]);
  RP_STEP(8) {
    const int pair = i / 4 * 4 + i % 4 / 2;
    a[i] = i % 2 == 0 ? _mm512_unpacklo_epi64(b[pair], b[pair + 2]) : _mm512_unpackhi_epi64(b[pair], b[pair + 2]);
  }
  RP_STEP(8) turned[i] = i < 4 ? _mm512_shuffle_i32x4(a[i], a[i + 4], 0x88) : _mm512_shuffle_i32x4(a[i - 4], a[i], 0xdd);
}
// The elements in a double word of 16 rows as floats times the rows' scales: a step along k each.
RP_INLINE void widen(Int8, __m512i words, __m512 scales, float* to) {
  // below the 23 bits of a mantissa the lowest two bytes are whole numbers, 128 too large, once their sign is turned
  const auto low = [&](int byte) __attribute__((always_inline)) {
    const int bits = byte == 0 ? 0x4b000080 : 0x47008000;
    const float much = byte == 0 ? 8388608.0f + 128 : 32768.0f + 128;
    const __m512i number = _mm512_ternarylogic_epi32(words, _mm512_set1_epi32(255 << (8 * byte)), _mm512_set1_epi32(bits), 0x6a);
    return _mm512_sub_ps(_mm512_castsi512_ps(number), _mm512_set1_ps(much));
  };
  const __m512 third = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(words, 8), 24));
  const __m512 fourth = _mm512_cvtepi32_ps(_mm512_srai_epi32(words, 24));
  const __m512 each[4] = {low(0), low(1), third, fourth};
  RP_STEP(4) _mm512_storeu_ps(to + i * NR<F32>, _mm512_mul_ps(each[i], scales));
}
RP_INLINE void widen(Int4, __m512i words, __m512 scales, float* to) {
  const __m512 values = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
  // of an index only the lowest four bits count
  RP_STEP(8) _mm512_storeu_ps(to + i * NR<F32>, _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(words, 4 * i), values), scales));
}
#elif defined(RP_ISA_AVX2)
#define RP_TURNS_ROWS 1
constexpr int64_t leastGroup = 32;
constexpr int square = 16;      // rows that are turned together,
constexpr int turnedBytes = 8;  // and bytes of each
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
RP_INLINE void widen(Int8, __m128i bytes, const float* scales, float* to) {
  store(to, f32v(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))) * load(scales));
  store(to + lanes, f32v(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))) * load(scales + lanes));
}
RP_INLINE void widen(Int4, __m128i bytes, const float* scales, float* to) {
  const __m128i mask = _mm_set1_epi8(15), values = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
  widen(Int8{}, _mm_shuffle_epi8(values, _mm_and_si128(bytes, mask)), scales, to);
  widen(Int8{}, _mm_shuffle_epi8(values, _mm_and_si128(_mm_srli_epi16(bytes, 4), mask)), scales, to + NR<F32>);
}
#endif

// Rows of w as columns of B: `chunk` elements of each are widened into L1 and turned from there.
template <typename Q>
struct PackDecoded {
  static constexpr bool words = false, ahead = false;
  const typename Q::Byte* q;
  const float* scales;
  int64_t first, k, group;
  static constexpr int chunk = 64;
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, float* to) const {
    constexpr int wide = NR<F32>;
    float rows[wide * chunk];
    for (int64_t j0 = 0; j0 < lines; j0 += wide, to += wide * words) {
      const int64_t columns = least(wide, lines - j0);
#if defined(RP_TURNS_ROWS)
      const bool turns = columns % square == 0 && (Q::perByte == 1 ? group == k : k % group == 0 && group % sharing == 0);
#endif
      for (int64_t p = 0; p < words;) {
        int64_t count = least(chunk, words - p);
#if defined(RP_TURNS_ROWS)
        // up to where a scale begins: blocks of k need not (64 x 4096 x 11008 in 4 bits, 57.5 and 44.2 ms)
        const int64_t past = Q::perByte == 1 ? 0 : (word + p) % sharing;
        if (turns && past == 0 && p + step <= words) {
          turned(line + j0, word + p, columns, to + p * wide);
          p += step;
          continue;
        }
        if (turns && past > 0) count = least(count, sharing - past);
#endif
        for (int64_t j = 0; j < columns; j++) row((first + line + j0 + j) * k, word + p, count, rows + j * chunk);
        packPanels<float, wide>(rows, chunk, 1, columns, count, to + p * wide);
        p += count;
      }
    }
  }
  Source source(int64_t line, int64_t word, int64_t lines, int64_t words) const {
    constexpr int64_t per = Q::perByte;
    return {reinterpret_cast<const char*>(q) + ((first + line) * k + word) / per, k / per, lines, words / per};
  }
#if defined(RP_TURNS_ROWS)
  // Elements of every row that are turned before they are widened, a fourth of the work or less, and elements of them that share a scale.
  static constexpr int64_t step = turnedBytes * Q::perByte, sharing = step < leastGroup ? step : leastGroup;
  void turned(int64_t line, int64_t word, int64_t columns, float* to) const {
    const int64_t groups = k / group;
    const float* by = scales + (first + line) * groups + word / group;
#if defined(RP_ISA_AVX512)
    const __m512i apart = _mm512_mullo_epi32(_mm512_set1_epi32(int(groups)), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
#endif
    for (int64_t j = 0; j < columns; j += square, by += square * groups) {
      const char* const from = reinterpret_cast<const char*>(q) + ((first + line + j) * k + word) / Q::perByte;
#if defined(RP_ISA_AVX512)
      constexpr int each = 4 * Q::perByte;  // elements of a double word
      __m512i words[8];
      turnWords(from, k / Q::perByte, words);
      __m512 scale;
      RP_STEP(8) {
        if (i * each % sharing == 0) {
          const float* const first = by + (word + i * each) / group - word / group;
          scale = groups == 1 ? _mm512_loadu_ps(first) : _mm512_i32gather_ps(apart, first, sizeof *first);
        }
        widen(Q{}, words[i], scale, to + i * each * NR<F32> + j);
      }
#else
      float scale[square];
      for (int i = 0; i < square; i++) scale[i] = by[i * groups];
      __m128i bytes[8];
      turnBytes(from, k / Q::perByte, bytes);
      RP_STEP(8) widen(Q{}, bytes[i], scale, to + i * Q::perByte * NR<F32> + j);
#endif
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
  const PackWords<float, MR> x = {{input(args, 0) + mine.rows.from * k, k, 1}};
  float* const c = output(args, 0) + mine.rows.from * n;
  const auto weights = [&](int64_t first) { return PackDecoded<Q>{input<typename Q::Byte>(args, 1), input(args, 2), first, k, group}; };
#if defined(RP_ISA_AVX512)
  // A panel of 128 steps stays in L1 while it is packed and read; C, which passes four times as often as with the 512 of other products, stays in L2 by
  // bands of columns. Emerald Rapids, 64 x 8192 x 8192 in turn, one thread: bytes 59.3 to 57.6 ms, 4 bits 59.4 to 57.6. Bands alone 60.1, 256 steps 61.5, bands of
  // 1024 columns 58.8; tiles of 12 x 2 vectors with 256 steps the same, 52.0 of it where nothing is packed. 128 rows the same as before, 252 3 % slower.
  constexpr int64_t depth = 128, sums = 64 * 2048, most = 96;
  if (tunedFor() == Cores::intel && mine.height() <= most && k * mine.width() * int64_t(sizeof *c) > spanNear()) {
    const int64_t band = evenly(mine.width(), roundUp(sums / mine.height(), NR<F32>), NR<F32>);
    for (int64_t from = mine.columns.from; from < mine.columns.to; from += band)
      blocked<F32>({blocksF32.mc, band, depth}, mine.height(), least(band, mine.columns.to - from), k, x, weights(from), c + from, n, 1.0f, false,
                   args.scratch);
    return;
  }
#endif
  product<F32>(mine.height(), mine.width(), k, x, weights(mine.columns.from), c + mine.columns.from, n, 1.0f, false, args.scratch);
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
