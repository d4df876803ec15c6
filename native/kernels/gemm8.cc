// Matrix products of unsigned with signed bytes, summed in 32 bits without rounding or saturation: c[m,n] = a[m,k] b[k,n], plain, with either
// operand transposed, of parts of larger matrices, and batched.
// With dot-product instructions a word is four bytes along k; without them it is two 16-bit values (products of bytes in pairs, added
// before they are summed, stay below 2^17), and where there is no such instruction either, one.
#include <type_traits>

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
// Four rows of 16 columns: words of four bytes down, one for each of the first `kept` columns.
template <int kept>
__attribute__((always_inline)) static inline void fourRows(const void* from, int64_t row, int32_t* to) {
  const uint8_t* p = static_cast<const uint8_t*>(from);
  const u8x16 r0 = loadAs<u8x16>(p), r1 = loadAs<u8x16>(p + row), r2 = loadAs<u8x16>(p + 2 * row), r3 = loadAs<u8x16>(p + 3 * row);
#define RP_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define RP_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define RP_LOW2(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23)
#define RP_HIGH2(a, b) __builtin_shufflevector(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31)
  const u8x16 a = RP_LOW(r0, r1), b = RP_HIGH(r0, r1), c = RP_LOW(r2, r3), d = RP_HIGH(r2, r3);
  storeAs(to, RP_LOW2(a, c));
  if constexpr (kept == 6) {
    const f64x2 two = f64x2(RP_HIGH2(a, c));
    storeAs(to + 4, two[0]);
  } else {
    storeAs(to + 4, RP_HIGH2(a, c));
    storeAs(to + 8, RP_LOW2(b, d));
    if constexpr (kept == 16) storeAs(to + 12, RP_HIGH2(b, d));
  }
#undef RP_LOW
#undef RP_HIGH
#undef RP_LOW2
#undef RP_HIGH2
}
#endif

// Lines of a panel: rows of A, which is unsigned, or columns of B.
template <typename P, typename Byte>
constexpr int linesOf = Byte(-1) > Byte(0) ? MR : NR<P>;

// Lines whose bytes along k lie side by side: rows of A, or columns of B where it comes transposed.
template <typename P, typename Byte>
struct PackAlong {
  static constexpr int width = linesOf<P, Byte>;
  static constexpr bool words = false, ahead = P::group == 4 && width == MR;
  typedef Byte Element;
  Strided<Byte> from;
  int64_t k;
  int64_t full(int64_t) const { return k / P::group; }
  Source source(int64_t line, int64_t word, int64_t lines, int64_t words) const {
    const int64_t first = word * P::group;
    return {reinterpret_cast<const char*>(from.data + line * from.row + first), from.row, lines, least(words * P::group, k - first)};
  }
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, int32_t* to) const {
    constexpr int group = P::group;
    const int64_t row = from.row;
    const Byte* const first = from.data + line * row + word * group;
    const int64_t bytes = least(words * group, k - word * group);
    for (int64_t i0 = 0; i0 < lines; i0 += width, to += width * words) {
      const int64_t rows = least(width, lines - i0);
      const Byte* const source = first + i0 * row;
      int64_t p = 0;
#if defined(RP_TURNS)
      if constexpr (group == 4)
        if (rows == width)
          for (; (p + 16) * group <= bytes; p += 16) turnLines<width, group>(source + p * group, row, to + p * width);
#endif
      for (; p < words; p++)
        for (int64_t i = 0; i < width; i++)
          to[p * width + i] = i < rows ? wordOf<group>(source + i * row + p * group, 1, bytes - p * group) : 0;
    }
  }
};

// Lines whose bytes along k lie a row apart: columns of B, or rows of A where it comes transposed.
template <typename P, typename Byte>
struct PackAcross {
  static constexpr int width = linesOf<P, Byte>;
  static constexpr bool words = false, ahead = P::group == 4 && width != MR;
  typedef Byte Element;
  Strided<Byte> from;  // `row` from line to line, `column` along k
  int64_t k;
  int64_t full(int64_t) const { return k / P::group; }
  // As those of PackWords: a word is four rows, each of which gives a line and 16 bytes to each vector. What need not be made is left out: five
  // instructions for ports of multiply-adds in every turn would be 2 % of them.
  static constexpr int64_t steps = 1, asks = 4;
  int64_t pitch() const { return from.column; }
  static int64_t lineOf(int64_t e, int64_t row) { return e * row; }
  static int64_t sourceOf(int64_t e, int64_t) { return e * 16; }
  static RP_MEMBER void ask(const char* at, int64_t) { __builtin_prefetch(at, 0, 2); }
  static constexpr int64_t nothing = -1;
#if defined(RP_ISA_AVX512)
  static RP_MEMBER void copy(const char* p, int64_t row, char* to, int64_t at) {
    if (at == nothing) return;
    const auto four = [](const char* q) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(q)); };
    __m512i v = _mm512_castsi128_si512(four(p));
    v = _mm512_inserti32x4(v, four(p + row), 1);
    v = _mm512_inserti32x4(v, four(p + 2 * row), 2);
    v = _mm512_inserti32x4(v, four(p + 3 * row), 3);
    v = _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
    v = _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)));
    storeAs(to + at, v);
  }
#endif
  Source source(int64_t line, int64_t word, int64_t lines, int64_t words) const {
    constexpr int group = P::group;
    const int64_t row = from.column;
    return {reinterpret_cast<const char*>(from.data + line + word * group * row), row, least(words * group, k - word * group), lines};
  }
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, int32_t* to) const {
    constexpr int group = P::group;
    const int64_t row = from.column;
    const Byte* const first = from.data + line + word * group * row;
    const int64_t bytes = least(words * group, k - word * group);
    int64_t j0 = 0;
#if defined(RP_TURNS)
    constexpr int kept = width < 16 ? width : 16;  // of 16 columns that are read
    // A panel of A takes a part of each line it reads: so many are packed together as a call has, but for what the last reads beyond its own (the
    // sweep's has 8 panels). Emerald Rapids, one thread: 2048^3 630 to 741 GOP/s, 2048 x 256 x 2048 361 to 579, 192^3 554 to 644; packed 10 together
    // 735, 373 and 563. Not measured on other cores.
    if constexpr (group == 4 && width == MR)
      for (constexpr int64_t together = 36 / MR * MR, ahead = 16; j0 + together + 16 - kept <= lines; j0 += together, to += together * words)
        for (int64_t p = 0; p < words; p++) {
          const Byte* const source = first + j0 + p * group * row;
          if (bytes - p * group < group) {
            for (int64_t j = 0; j < together; j++) to[(j / width * words + p) * width + j % width] = wordOf<group>(source + j, row, bytes - p * group);
            continue;
          }
          if ((p + 1) * group + ahead <= bytes)
            for (int64_t r = 0; r < group; r++)
              for (int64_t i = 0; i < together + 63; i += 64) __builtin_prefetch(source + (r + ahead) * row + i, 0, 3);
          RP_UNROLL
          for (int j = 0; j < together / MR; j++) fourRows<width>(source + j * width, row, to + (j * words + p) * width);
        }
#endif
    for (; j0 < lines; j0 += width, to += width * words) {
      const int64_t columns = least(width, lines - j0);
      for (int64_t p = 0; p < words; p++) {
        const Byte* const source = first + j0 + p * group * row;
        const int64_t count = bytes - p * group;
        int64_t j = 0;
#if defined(RP_TURNS)
        if constexpr (group == 4)
          if (count >= 4)
            for (; j + kept <= columns && j0 + j + 16 <= lines; j += kept) fourRows<kept>(source + j, row, to + p * width + j);
#endif
        for (; j < width; j++) to[p * width + j] = j < columns ? wordOf<group>(source + j, row, count) : 0;
      }
    }
  }
};

template <typename P, typename Byte, bool across>
using PackOf = typename std::conditional<across, PackAcross<P, Byte>, PackAlong<P, Byte>>::type;

// This thread's part of c[m,n] = a b, or all of it where `threads` is 1. Rows of `a`, `b` as they lie in memory, and `c` are so many elements apart.
template <typename P, bool turnA = false, bool turnB = false>
void part(const OpArgs& args, int64_t m, int64_t n, int64_t k, const uint8_t* a, int64_t rowA, const int8_t* b, int64_t rowB, int32_t* c,
          int64_t rowC, int thread, int threads, bool stream = false) {
  const Part mine = partOf<P>(m, n, thread, threads);
  if (mine.empty()) return;
  typedef Strided<uint8_t> A;
  typedef Strided<int8_t> B;
  const A of = turnA ? A{a + mine.rows.from, 1, rowA} : A{a + mine.rows.from * rowA, rowA, 1};
  const B by = turnB ? B{b + mine.columns.from * rowB, rowB, 1} : B{b + mine.columns.from, 1, rowB};
  product<P>(mine.height(), mine.width(), (k + P::group - 1) / P::group, PackOf<P, uint8_t, turnA>{of, k}, PackOf<P, int8_t, !turnB>{by, k},
             c + mine.rows.from * rowC + mine.columns.from, rowC, 1, false, reinterpret_cast<int32_t*>(args.scratch), NothingMore{}, stream);
}

// dims: m, n, k. A is [m,k], or [k,m] where it comes transposed; B is [k,n] or [n,k].
template <typename P, bool turnA, bool turnB>
void gemm(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2];
  part<P, turnA, turnB>(args, m, n, k, input<uint8_t>(args, 0), turnA ? m : k, input<int8_t>(args, 1), turnB ? k : n, output<int32_t>(args, 0), n,
                        args.thread, args.threads);
}

// dims: m, n, k, lda, ldb, ldc. Rows lie that many elements apart: views of parts of larger matrices. What lies between is left alone.
template <typename P>
void strided(const OpArgs& args) {
  part<P>(args, args.dims[0], args.dims[1], args.dims[2], input<uint8_t>(args, 0), args.dims[3], input<int8_t>(args, 1), args.dims[4],
          output<int32_t>(args, 0), args.dims[5], args.thread, args.threads);
}

// dims: batch, m, n, k. Threads take whole products while there are enough of them, else parts of each.
template <typename P>
void batched(const OpArgs& args) {
  const int64_t batch = args.dims[0], m = args.dims[1], n = args.dims[2], k = args.dims[3];
  const bool apart = batch >= args.threads;
  const bool far = apart && isFar<P>(output<int32_t>(args, 0), batch * m * n, n);
  const Span mine = apart ? share(batch, 1, args.thread, args.threads) : Span{0, batch};
  for (int64_t i = mine.from; i < mine.to; i++)
    part<P>(args, m, n, k, input<uint8_t>(args, 0) + i * m * k, k, input<int8_t>(args, 1) + i * k * n, n, output<int32_t>(args, 0) + i * m * n, n,
            apart ? 0 : args.thread, apart ? 1 : args.threads, far);
  if (far) RP_DRAIN();
}

template <typename P>
int rowsOf(OpKernel* rows, uint32_t needs) {
  int n = 0;
  rows[n++] = {"gemm-int8", gemm<P, false, false>, 3, 2, 1, needs};
  rows[n++] = {"gemm-nt-int8", gemm<P, false, true>, 3, 2, 1, needs};
  rows[n++] = {"gemm-tn-int8", gemm<P, true, false>, 3, 2, 1, needs};
  rows[n++] = {"gemm-strided-int8", strided<P>, 6, 2, 1, needs};
  rows[n++] = {"gemm-batched-int8", batched<P>, 4, 2, 1, needs};
  return n;
}

}  // namespace

int gemm8Ops(OpKernel* rows) {
  int n = 0;
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR) && !defined(RP_ISA_SSE2)
  n += rowsOf<Vnni>(rows, featureAvx512Vnni);
#endif
  return n + rowsOf<Plain>(rows + n, 0);
}

}  // namespace RP_NS
}  // namespace rp
