// Bandwidth of mixes of loads and stores over one to three arrays: write, update in place, copy, two loads to one store, triad, four and eight
// loads to one store, and one load to two and to four stores; all but updates and triad also with non-temporal stores. In the caches one run of straight-line bodies of 1 KiB; for DRAM also several runs at once.
// Payload counts what the program loads and stores; the line that a cache reads before a store (write-allocate) is not counted.
#include "asm.h"
#include "each.h"
#include "families.h"

#define RP_INLINE inline __attribute__((always_inline))

namespace rp {
namespace RP_NS {
namespace {

constexpr size_t W = RP_BYTES;
#define AT(p) (*reinterpret_cast<wordv*>(p))
#define AT_F64(p) (*reinterpret_cast<f64v*>(p))

template <typename V, typename L>
inline V all(L x) {
  L lane[sizeof(V) / sizeof(L)];
  for (L& one : lane) one = x;
  V v;
  __builtin_memcpy(&v, lane, sizeof v);
  return v;
}

// What a mix does with its arrays: how many there are, lines of payload per line, and how many vectors of an array are moved before the
// next array's turn. Measured on Zen 4 for three arrays in L1: one vector of 16 B at a time reaches 48 B per cycle, two of 32 B 94
// (one: 91, four: 84), four of 64 B 81 (two: 77).
constexpr int ofThree = W == 64 ? 4 : W == 32 ? 2 : 1;

// Lines of the first array, which is written, to those of each other.
struct Even {
  static constexpr int first = 1, other = 1;
};

struct Write : Even {
  static constexpr int arrays = 1, payload = 1, together = 1;
  wordv value = all<wordv, uint64_t>(0x3f8000003f800000ull);  // 1.0f: data that arithmetic of other probes can read
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    each<n>(RP_EACH(i) { RP_STORE(AT(a[0] + at + i * W), value); });
  }
};

// Vectors of a line past the caches.
template <int n>
RP_INLINE void storeNt(char* to, const wordv (&v)[n]) {
#if defined(__aarch64__)
  each<n / 2>(RP_EACH(i) {
    char* const p = to + i * 2 * W;
#if defined(RP_ISA_SCALAR)
    __asm__ volatile("stnp %1, %2, [%0]" ::"r"(p), "r"(v[2 * i]), "r"(v[2 * i + 1]) : "memory");
#else
    __asm__ volatile("stnp %q1, %q2, [%0]" ::"r"(p), "w"(v[2 * i]), "w"(v[2 * i + 1]) : "memory");
#endif
  });
#else
  each<n>(RP_EACH(i) { RP_STORE_NT(AT(to + i * W), v[i]); });
#endif
}

struct NtWrite : Even {
  static constexpr int arrays = 1, payload = 1, together = lineBytes / W;
  wordv value = all<wordv, uint64_t>(0x3f8000003f800000ull);
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    wordv v[n];
    each<n>(RP_EACH(i) { v[i] = value; });
    storeNt<n>(a[0] + at, v);
  }
};

// Copy and two loads to one store, as below, the stores past the caches.
template <int loads>
struct NtCopy : Even {
  static constexpr int arrays = 1 + loads, payload = 1 + loads, together = lineBytes / W;
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    wordv u, v[n];
    each<n>(RP_EACH(i) { RP_LOAD(v[i], AT(a[1] + at + i * W)); });
    if (loads > 1) each<n>(RP_EACH(i) { RP_LOAD(u, AT(a[loads] + at + i * W)); });
    (void)u;
    storeNt<n>(a[0] + at, v);
  }
};

struct Update : Even {
  static constexpr int arrays = 1, payload = 2, together = 1;
  wordv key = all<wordv, uint64_t>(0x007f007f007f007full);  // touches mantissas alone: no denormal comes of it
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    each<n>(RP_EACH(i) {
      wordv v;
      RP_XOR3(v, AT(a[0] + at + i * W), key);
      RP_STORE(AT(a[0] + at + i * W), v);
    });
  }
};

struct Copy : Even {
  static constexpr int arrays = 2, payload = 2, together = 1;
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    each<n>(RP_EACH(i) {
      wordv v;
      RP_LOAD(v, AT(a[1] + at + i * W));
      RP_STORE(AT(a[0] + at + i * W), v);
    });
  }
};

// Two loads to one store, without arithmetic: the first of the loaded vectors is stored.
struct TwoToOne : Even {
  static constexpr int arrays = 3, payload = 3, together = ofThree;
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    wordv u, v[n];
    each<n>(RP_EACH(i) { RP_LOAD(v[i], AT(a[1] + at + i * W)); });
    each<n>(RP_EACH(i) { RP_LOAD(u, AT(a[2] + at + i * W)); });
    (void)u;
    each<n>(RP_EACH(i) { RP_STORE(AT(a[0] + at + i * W), v[i]); });
  }
};

// One load to several stores, of lines that follow one another, as what widens its input has them. The faster of two mixes is no bound for what
// lies between: past the caches an Emerald Rapids core moves 24 GB/s of stores alone, 26 of a copy and 28 to 30 of these.
template <int stores, bool far>
struct OneTo {
  static constexpr int arrays = 2, payload = 1 + stores, together = lineBytes / W, first = stores, other = 1;
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    wordv v[n];
    each<n>(RP_EACH(i) { RP_LOAD(v[i], AT(a[1] + at + i * W)); });
    each<stores>(RP_EACH(k) {
      char* const to = a[0] + stores * at + k * n * W;
      if constexpr (far) storeNt<n>(to, v);
      else each<n>(RP_EACH(i) { RP_STORE(AT(to + i * W), v[i]); });
    });
  }
};

// Several loads, of lines that follow one another, to one store, as what narrows its input has them: the last of the loaded lines is stored.
template <int loads, bool far>
struct ManyToOne {
  static constexpr int arrays = 2, payload = loads + 1, together = lineBytes / W, first = 1, other = loads;
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    wordv v[n];
    each<loads>(RP_EACH(k) { each<n>(RP_EACH(i) { RP_LOAD(v[i], AT(a[1] + loads * at + (k * n + i) * W)); }); });
    if constexpr (far) storeNt<n>(a[0] + at, v);
    else each<n>(RP_EACH(i) { RP_STORE(AT(a[0] + at + i * W), v[i]); });
  }
};

// STREAM's a = b + s * c (McCalpin 1995), in f64
struct Triad : Even {
  static constexpr int arrays = 3, payload = 3, together = ofThree;
  f64v s = all<f64v, double>(0.75);
  template <int n>
  RP_INLINE void vectors(char* const* a, size_t at) {
    f64v v[n];
    each<n>(RP_EACH(i) { RP_LOAD_F64(v[i], AT_F64(a[1] + at + i * W)); });
    each<n>(RP_EACH(i) { RP_FMA_MEM_F64(v[i], s, AT_F64(a[2] + at + i * W)); });
    each<n>(RP_EACH(i) { RP_STORE_F64(AT_F64(a[0] + at + i * W), v[i]); });
  }
};

// A body of lines, in groups of the mix's choice.
template <typename Mix, int body>
RP_INLINE void linesOf(Mix& mix, char* const* a, size_t from) {
  constexpr int all = body * int(lineBytes / W), together = Mix::together < all ? Mix::together : all;
  each<all / together>(RP_EACH(i) { mix.template vectors<together>(a, from + i * together * W); });
}

// Lines between two arrays: equal offsets within 4 KiB would make a store look like the source of a later load.
constexpr size_t gap = 9;

// Lines of all arrays for one step.
template <typename Mix>
constexpr size_t linesOfStep = Mix::first + (Mix::arrays - 1) * Mix::other;

template <typename Mix, int runs, int body>
size_t linesPerArray(size_t lines) {
  const size_t each = lines / (linesOfStep<Mix> * runs);
  const size_t between = Mix::arrays * runs > 1 ? gap : 0;
  return each > between ? (each - between) / body * body : 0;
}

// Where array k begins, of arrays that have `per` bytes for one line of a step, and what it is walked by in steps of `bytes`.
template <typename Mix>
constexpr size_t startOf(size_t k, size_t per) {
  return k * gap * lineBytes + (k > 0 ? (Mix::first + (k - 1) * Mix::other) * per : 0);
}
template <typename Mix>
constexpr size_t stepOf(int k, size_t bytes) {
  return (k == 0 ? Mix::first : Mix::other) * bytes;
}

// Steps of a straight-line body that has so many lines of what is read.
template <typename Mix, int lines>
constexpr int bodyOf = lines / Mix::other;

template <typename Mix, int runs, int body>
size_t payloadOf(size_t lines) {
  return linesPerArray<Mix, runs, body>(lines) * runs * Mix::payload * lineBytes;
}

// One run. Every array has a pointer of its own that walks: with one index for all of them Zen 4 reaches 34 to 75 B per cycle in L1
// where this reaches 94, and what it reaches changes with the encoding of the body.
template <typename Mix, int body>
uint64_t walk(void* base, size_t lines, uint64_t passes) {
  const size_t per = linesPerArray<Mix, 1, body>(lines) * lineBytes;
  Mix mix;
  for (uint64_t pass = 0; pass < passes; pass++) {
    char* a[Mix::arrays];
    each<Mix::arrays>(RP_EACH(k) { a[k] = static_cast<char*>(base) + startOf<Mix>(k, per); });
    const char* const end = a[0] + Mix::first * per;
    while (a[0] < end) {
      linesOf<Mix, body>(mix, a, 0);
      each<Mix::arrays>(RP_EACH(k) {
        a[k] += stepOf<Mix>(k, body * lineBytes);
        __asm__("" : "+r"(a[k]));  // keeps the compiler from making one index of them again
      });
    }
  }
  RP_DRAIN();
  return passes;
}

// Every array is cut into `runs` pieces that advance together.
template <typename Mix, int runs, int body>
uint64_t sweep(void* base, size_t lines, uint64_t passes) {
  const size_t per = linesPerArray<Mix, runs, body>(lines) * lineBytes;
  char* a[runs][Mix::arrays];
  for (int r = 0; r < runs; r++)
    for (int k = 0; k < Mix::arrays; k++) a[r][k] = static_cast<char*>(base) + r * startOf<Mix>(Mix::arrays, per) + startOf<Mix>(k, per);
  Mix mix;
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < per; at += body * lineBytes) {
      each<runs>(RP_EACH(r) { linesOf<Mix, body>(mix, a[r], at); });
    }
  }
  RP_DRAIN();
  return passes;
}

// The clock twin: dependent adds after every line, as many as its memory instructions take at one in three cycles.
template <typename Mix>
constexpr int ticksPerLine = int(Mix::payload * lineBytes / W) * 3;

template <typename Mix>
uint64_t clock(void* base, size_t lines, uint64_t passes) {
  const size_t per = linesPerArray<Mix, 1, bodyOf<Mix, 16>>(lines) * lineBytes;
  char* a[Mix::arrays];
  for (int k = 0; k < Mix::arrays; k++) a[k] = static_cast<char*>(base) + startOf<Mix>(k, per);
  Mix mix;
  uint64_t chain = 0, one = 1;
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < per; at += lineBytes) {
      linesOf<Mix, 1>(mix, a, at);
      for (int t = 0; t < ticksPerLine<Mix> / 3; t++) {
        RP_TICK(chain, one);
        RP_TICK(chain, one);
        RP_TICK(chain, one);
      }
    }
  }
  return chain;
}

// One run as the caches have it; for DRAM also `runs` runs of eight lines in turn, and two runs of one line. Eight lines in turn pass the caches
// 4 % faster than two on Zen 4; where stores allocate their lines it wants one. GB/s of one thread there, in these three ways: copy 27.7,
// 26.8, 30.7; two loads to one store 25.9, 25.6, 31.3; triad 25.9, 25.5, 30.0; past the caches copy 41.2, 46.0, 46.5, two loads to one store
// 39.1, 41.8, 41.2 (best of 340 on a shared host).
template <typename Mix, int runs>
int rowsOf(MemoryProbe* rows, const char* id, const char* eight, const char* two) {
  constexpr int body = bodyOf<Mix, 16>, turn = bodyOf<Mix, 8>;
  rows[0] = {id, walk<Mix, body>, payloadOf<Mix, 1, body>, clock<Mix>, ticksPerLine<Mix> / double(Mix::payload * lineBytes)};
  rows[1] = {eight, sweep<Mix, runs, turn>, payloadOf<Mix, runs, turn>, nullptr, 0};
  rows[2] = {two, sweep<Mix, 2, 1>, payloadOf<Mix, 2, 1>, nullptr, 0};
  return 3;
}

}  // namespace

int mixProbes(MemoryProbe* rows) {
  int n = 0;
  n += rowsOf<Write, 8>(rows + n, "write", "write-8x8", "write-2x1");
  n += rowsOf<NtWrite, 8>(rows + n, "nt-write", "nt-write-8x8", "nt-write-2x1");
  n += rowsOf<Update, 8>(rows + n, "update", "update-8x8", "update-2x1");
  n += rowsOf<Copy, 4>(rows + n, "copy", "copy-4x8", "copy-2x1");
  n += rowsOf<TwoToOne, 3>(rows + n, "2:1", "2:1-3x8", "2:1-2x1");
  n += rowsOf<Triad, 3>(rows + n, "triad", "triad-3x8", "triad-2x1");
  n += rowsOf<NtCopy<1>, 4>(rows + n, "nt-copy", "nt-copy-4x8", "nt-copy-2x1");
  n += rowsOf<NtCopy<2>, 3>(rows + n, "nt-2:1", "nt-2:1-3x8", "nt-2:1-2x1");
  n += rowsOf<ManyToOne<4, false>, 4>(rows + n, "4:1", "4:1-4x8", "4:1-2x4");
  n += rowsOf<ManyToOne<8, false>, 4>(rows + n, "8:1", "8:1-4x8", "8:1-2x8");
  n += rowsOf<ManyToOne<4, true>, 4>(rows + n, "nt-4:1", "nt-4:1-4x8", "nt-4:1-2x4");
  n += rowsOf<ManyToOne<8, true>, 4>(rows + n, "nt-8:1", "nt-8:1-4x8", "nt-8:1-2x8");
  n += rowsOf<OneTo<2, false>, 4>(rows + n, "1:2", "1:2-4x8", "1:2-2x1");
  n += rowsOf<OneTo<4, false>, 4>(rows + n, "1:4", "1:4-4x8", "1:4-2x1");
  n += rowsOf<OneTo<2, true>, 4>(rows + n, "nt-1:2", "nt-1:2-4x8", "nt-1:2-2x1");
  n += rowsOf<OneTo<4, true>, 4>(rows + n, "nt-1:4", "nt-1:4-4x8", "nt-1:4-2x1");
  return n;
}

}  // namespace RP_NS
}  // namespace rp
