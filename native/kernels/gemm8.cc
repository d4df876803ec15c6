// Matrix products of unsigned with signed bytes, summed in 32 bits without rounding or saturation: c[m,n] = a[m,k] b[k,n].
// With dot-product instructions a word is four bytes along k; without them it is two 16-bit values (products of bytes in pairs, added
// before they are summed, stay below 2^17), and where there is no such instruction either, one.
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

#if defined(RP_ISA_SCALAR)
typedef int32_t Sums;
#else
typedef i32v Sums;
#endif

struct Bytes {
  typedef Sums V;
  typedef int32_t Word;
  typedef int32_t Out;
  static constexpr int lanes = sizeof(Sums) / 4;
};

static inline Sums everywhere(int32_t a) { return Sums{} + a; }

#if defined(__x86_64__) && !defined(RP_ISA_SCALAR)
// The assembler knows them whatever the compiler was told; which CPU may run them is in the rows below.
#if !defined(RP_ISA_SSE2)
struct Vnni : Bytes {
  static constexpr int group = 4;
  static inline void add(Sums& sum, int32_t a, Sums b) { __asm__("vpdpbusd %1, %2, %0" : RP_INOUT(sum) : RP_IN(b), RP_IN(everywhere(a))); }
};
#endif
struct Pairs : Bytes {
  static constexpr int group = 2;
  static inline void add(Sums& sum, int32_t a, Sums b) {
#if defined(RP_ISA_AVX512)
    sum += Sums(_mm512_madd_epi16(__m512i(everywhere(a)), __m512i(b)));
#elif defined(RP_ISA_AVX2)
    sum += Sums(_mm256_madd_epi16(__m256i(everywhere(a)), __m256i(b)));
#else
    sum += Sums(_mm_madd_epi16(__m128i(everywhere(a)), __m128i(b)));
#endif
  }
};
typedef Pairs Plain;
#else
struct Plain : Bytes {
  static constexpr int group = 1;
  static inline void add(Sums& sum, int32_t a, Sums b) { sum += a * b; }
};
#endif

// `count` (at most `group`) bytes along k as a word, the others zero: as bytes in groups of four, else each widened.
template <int group, typename Byte>
static inline int32_t wordOf(const Byte* from, int64_t along, int64_t count) {
  if constexpr (group == 1) {
    return count > 0 ? int32_t(*from) : 0;
  } else {
    constexpr int bits = 32 / group;
    uint32_t word = 0;
    for (int g = 0; g < group; g++)
      if (g < count) word |= (uint32_t(int32_t(from[g * along])) & (0xffffffffu >> (32 - bits))) << (bits * g);
    return int32_t(word);
  }
}

#if defined(RP_TURNS)
typedef uint8_t u8x16 __attribute__((vector_size(16)));
// Four rows of 16 columns: words of four bytes down, one for each column.
__attribute__((always_inline)) static inline void fourRows(const void* from, int64_t row, int32_t* to) {
  const uint8_t* p = static_cast<const uint8_t*>(from);
  const u8x16 r0 = loadAs<u8x16>(p), r1 = loadAs<u8x16>(p + row), r2 = loadAs<u8x16>(p + 2 * row), r3 = loadAs<u8x16>(p + 3 * row);
#define RP_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define RP_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define RP_LOW2(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23)
#define RP_HIGH2(a, b) __builtin_shufflevector(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31)
  const u8x16 a = RP_LOW(r0, r1), b = RP_HIGH(r0, r1), c = RP_LOW(r2, r3), d = RP_HIGH(r2, r3);
  storeAs(to, RP_LOW2(a, c));
  storeAs(to + 4, RP_HIGH2(a, c));
  storeAs(to + 8, RP_LOW2(b, d));
  storeAs(to + 12, RP_HIGH2(b, d));
#undef RP_LOW
#undef RP_HIGH
#undef RP_LOW2
#undef RP_HIGH2
}
#endif

// Rows of A, whose bytes along k lie side by side.
template <typename P>
struct PackRows {
  static constexpr bool words = false;
  const uint8_t* from;
  int64_t row, k;
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, int32_t* to) const {
    constexpr int group = P::group;
    const uint8_t* const first = from + line * row + word * group;
    const int64_t bytes = least(words * group, k - word * group);
    for (int64_t i0 = 0; i0 < lines; i0 += MR, to += MR * words) {
      const int64_t rows = least(MR, lines - i0);
      const uint8_t* const source = first + i0 * row;
      int64_t p = 0;
#if defined(RP_TURNS)
      if constexpr (group == 4)
        if (rows == MR)
          for (; (p + 16) * group <= bytes; p += 16) turnLines<MR, group>(source + p * group, row, to + p * MR);
#endif
      for (; p < words; p++)
        for (int64_t i = 0; i < MR; i++)
          to[p * MR + i] = i < rows ? wordOf<group>(source + i * row + p * group, 1, bytes - p * group) : 0;
    }
  }
};

// Columns of B, whose bytes along k lie a row apart.
template <typename P>
struct PackColumns {
  static constexpr bool words = false;
  const int8_t* from;
  int64_t row, k;
  Source source(int64_t line, int64_t word, int64_t lines, int64_t words) const {
    constexpr int group = P::group;
    return {reinterpret_cast<const char*>(from + line + word * group * row), row, least(words * group, k - word * group), lines};
  }
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, int32_t* to) const {
    constexpr int group = P::group;
    constexpr int wide = NR<P>;
    const int8_t* const first = from + line + word * group * row;
    const int64_t bytes = least(words * group, k - word * group);
    for (int64_t j0 = 0; j0 < lines; j0 += wide, to += wide * words) {
      const int64_t columns = least(wide, lines - j0);
      for (int64_t p = 0; p < words; p++) {
        const int8_t* const source = first + j0 + p * group * row;
        const int64_t count = bytes - p * group;
        int64_t j = 0;
#if defined(RP_TURNS)
        if constexpr (group == 4)
          if (count >= 4)
            for (; j + 16 <= columns; j += 16) fourRows(source + j, row, to + p * wide + j);
#endif
        for (; j < wide; j++) to[p * wide + j] = j < columns ? wordOf<group>(source + j, row, count) : 0;
      }
    }
  }
};

// dims: m, n, k; where it is strided lda, ldb and ldc, the elements from row to row
template <typename P, bool strided>
void gemm(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2];
  const int64_t rowA = strided ? args.dims[3] : k, rowB = strided ? args.dims[4] : n, rowC = strided ? args.dims[5] : n;
  const Part mine = partOf<P>(m, n, args.thread, args.threads);
  if (mine.empty()) return;
  product<P>(mine.height(), mine.width(), (k + P::group - 1) / P::group,
             PackRows<P>{input<uint8_t>(args, 0) + mine.rows.from * rowA, rowA, k},
             PackColumns<P>{input<int8_t>(args, 1) + mine.columns.from, rowB, k},
             output<int32_t>(args, 0) + mine.rows.from * rowC + mine.columns.from, rowC, 1, false, reinterpret_cast<int32_t*>(args.scratch));
}

}  // namespace

int gemm8Ops(OpKernel* rows) {
  int n = 0;
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR) && !defined(RP_ISA_SSE2)
  rows[n++] = {"gemm-int8", gemm<Vnni, false>, 3, 2, 1, featureAvx512Vnni};
  rows[n++] = {"gemm-strided-int8", gemm<Vnni, true>, 6, 2, 1, featureAvx512Vnni};
#endif
  rows[n++] = {"gemm-int8", gemm<Plain, false>, 3, 2, 1};
  rows[n++] = {"gemm-strided-int8", gemm<Plain, true>, 6, 2, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
