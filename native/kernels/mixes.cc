// Bandwidth of mixes of loads and stores over one to three arrays: write, non-temporal write, update in place, copy, two loads to one
// store, and triad. In the caches one run of straight-line bodies of 1 KiB; for DRAM also several runs at once.
// Payload counts what the program loads and stores; the line that a cache reads before a store (write-allocate) is not counted.
#include "asm.h"
#include "families.h"

#if defined(__clang__)
#define RP_UNROLL_LINES _Pragma("clang loop unroll(full)")
#else
#define RP_UNROLL_LINES _Pragma("GCC unroll 16")
#endif

namespace rp {
namespace RP_NS {
namespace {

constexpr size_t W = RP_BYTES;
#define AT(p) (*reinterpret_cast<wordv*>(p))
#define AT_F64(p) (*reinterpret_cast<f64v*>(p))

template <typename V, typename L>
inline V all(L x) {
  L lane[sizeof(V) / sizeof(L)];
  for (L& each : lane) each = x;
  V v;
  __builtin_memcpy(&v, lane, sizeof v);
  return v;
}

// What a mix does with its arrays' lines from `at` on: how many arrays, lines of payload per line, and how many lines are loaded before the
// first is stored where a vector is a line. Measured on Zen 4: triad gains 4 % by four at a time, two to one loses 10 %.
struct Write {
  static constexpr int arrays = 1, payload = 1, wideTogether = 1;
  wordv value = all<wordv, uint64_t>(0x3f8000003f800000ull);  // 1.0f: data that arithmetic of other probes can read
  template <int together>
  inline void lines(char* const* a, size_t from) {
    RP_UNROLL_LINES
    for (int i = 0; i < together; i++) line(a, from + i * lineBytes);
  }
  inline void line(char* const* a, size_t at) {
    RP_UNROLL_LINES
    for (size_t w = 0; w < lineBytes; w += W) RP_STORE(AT(a[0] + at + w), value);
  }
};

struct NtWrite {
  static constexpr int arrays = 1, payload = 1, wideTogether = 1;
  wordv value = all<wordv, uint64_t>(0x3f8000003f800000ull);
  template <int together>
  inline void lines(char* const* a, size_t from) {
    RP_UNROLL_LINES
    for (int i = 0; i < together; i++) line(a, from + i * lineBytes);
  }
  inline void line(char* const* a, size_t at) {
#if defined(__aarch64__)
    char* const p = a[0] + at;
#if defined(RP_ISA_SCALAR)
    __asm__ volatile("stnp %1, %1, [%0]\n\tstnp %1, %1, [%0, 16]\n\tstnp %1, %1, [%0, 32]\n\tstnp %1, %1, [%0, 48]" ::"r"(p), "r"(value) : "memory");
#else
    __asm__ volatile("stnp %q1, %q1, [%0]\n\tstnp %q1, %q1, [%0, 32]" ::"r"(p), "w"(value) : "memory");
#endif
#else
    RP_UNROLL_LINES
    for (size_t w = 0; w < lineBytes; w += W) RP_STORE_NT(AT(a[0] + at + w), value);
#endif
  }
};

struct Update {
  static constexpr int arrays = 1, payload = 2, wideTogether = 1;
  wordv key = all<wordv, uint64_t>(0x007f007f007f007full);  // touches mantissas alone: no denormal comes of it
  template <int together>
  inline void lines(char* const* a, size_t from) {
    RP_UNROLL_LINES
    for (int i = 0; i < together; i++) line(a, from + i * lineBytes);
  }
  inline void line(char* const* a, size_t at) {
    RP_UNROLL_LINES
    for (size_t w = 0; w < lineBytes; w += W) {
      wordv v;
      RP_XOR3(v, AT(a[0] + at + w), key);
      RP_STORE(AT(a[0] + at + w), v);
    }
  }
};

struct Copy {
  static constexpr int arrays = 2, payload = 2, wideTogether = 1;
  template <int together>
  inline void lines(char* const* a, size_t from) {
    RP_UNROLL_LINES
    for (int i = 0; i < together; i++) line(a, from + i * lineBytes);
  }
  inline void line(char* const* a, size_t at) {
    RP_UNROLL_LINES
    for (size_t w = 0; w < lineBytes; w += W) {
      wordv v;
      RP_LOAD(v, AT(a[1] + at + w));
      RP_STORE(AT(a[0] + at + w), v);
    }
  }
};

// Two loads to one store, without arithmetic: the first of the loaded vectors is stored.
struct TwoToOne {
  static constexpr int arrays = 3, payload = 3, wideTogether = 1;
  template <int together>
  inline void lines(char* const* a, size_t at) {
    RP_UNROLL_LINES
    for (size_t w = 0; w < lineBytes; w += W) {
      wordv u, v[together];
      RP_UNROLL_LINES
      for (int i = 0; i < together; i++) RP_LOAD(v[i], AT(a[1] + at + i * lineBytes + w));
      RP_UNROLL_LINES
      for (int i = 0; i < together; i++) {
        RP_LOAD(u, AT(a[2] + at + i * lineBytes + w));
        (void)u;
      }
      RP_UNROLL_LINES
      for (int i = 0; i < together; i++) RP_STORE(AT(a[0] + at + i * lineBytes + w), v[i]);
    }
  }
};

// STREAM's a = b + s * c (McCalpin 1995), in f64
struct Triad {
  static constexpr int arrays = 3, payload = 3, wideTogether = 4;
  f64v s = all<f64v, double>(0.75);
  template <int together>
  inline void lines(char* const* a, size_t at) {
    RP_UNROLL_LINES
    for (size_t w = 0; w < lineBytes; w += W) {
      f64v v[together];
      RP_UNROLL_LINES
      for (int i = 0; i < together; i++) RP_LOAD_F64(v[i], AT_F64(a[1] + at + i * lineBytes + w));
      RP_UNROLL_LINES
      for (int i = 0; i < together; i++) RP_FMA_MEM_F64(v[i], s, AT_F64(a[2] + at + i * lineBytes + w));
      RP_UNROLL_LINES
      for (int i = 0; i < together; i++) RP_STORE_F64(AT_F64(a[0] + at + i * lineBytes + w), v[i]);
    }
  }
};

// Lines between two arrays: equal offsets within 4 KiB would make a store look like the source of a later load.
constexpr size_t gap = 9;

template <typename Mix, int runs, int body>
size_t linesPerArray(size_t lines) {
  const size_t each = lines / (Mix::arrays * runs);
  const size_t between = Mix::arrays * runs > 1 ? gap : 0;
  return each > between ? (each - between) / body * body : 0;
}

template <typename Mix, int runs, int body>
size_t payloadOf(size_t lines) {
  return linesPerArray<Mix, runs, body>(lines) * runs * Mix::payload * lineBytes;
}

// Every array is cut into `runs` pieces that advance together.
template <typename Mix, int runs, int body>
uint64_t sweep(void* base, size_t lines, uint64_t passes) {
  const size_t per = linesPerArray<Mix, runs, body>(lines) * lineBytes;
  const size_t step = per + gap * lineBytes;
  char* a[runs][Mix::arrays];
  for (int r = 0; r < runs; r++)
    for (int k = 0; k < Mix::arrays; k++) a[r][k] = static_cast<char*>(base) + (r * Mix::arrays + k) * step;
  Mix mix;
  constexpr int together = W == lineBytes && body >= Mix::wideTogether ? Mix::wideTogether : 1;
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < per; at += body * lineBytes) {
      RP_UNROLL_LINES
      for (int r = 0; r < runs; r++) {
        RP_UNROLL_LINES
        for (int l = 0; l < body; l += together) mix.template lines<together>(a[r], at + l * lineBytes);
      }
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
  const size_t per = linesPerArray<Mix, 1, 16>(lines) * lineBytes;
  const size_t step = per + gap * lineBytes;
  char* a[Mix::arrays];
  for (int k = 0; k < Mix::arrays; k++) a[k] = static_cast<char*>(base) + k * step;
  Mix mix;
  uint64_t chain = 0, one = 1;
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < per; at += lineBytes) {
      mix.template lines<1>(a, at);
      for (int t = 0; t < ticksPerLine<Mix> / 3; t++) {
        RP_TICK(chain, one);
        RP_TICK(chain, one);
        RP_TICK(chain, one);
      }
    }
  }
  return chain;
}

template <typename Mix, int runs>
int rowsOf(MemoryProbe* rows, const char* id, const char* streams) {
  rows[0] = {id, sweep<Mix, 1, 16>, payloadOf<Mix, 1, 16>, clock<Mix>, ticksPerLine<Mix> / double(Mix::payload * lineBytes)};
  rows[1] = {streams, sweep<Mix, runs, 2>, payloadOf<Mix, runs, 2>, nullptr, 0};
  return 2;
}

}  // namespace

int mixProbes(MemoryProbe* rows) {
  int n = 0;
  n += rowsOf<Write, 8>(rows + n, "write", "write-streams");
  n += rowsOf<NtWrite, 8>(rows + n, "nt-write", "nt-write-streams");
  n += rowsOf<Update, 8>(rows + n, "update", "update-streams");
  n += rowsOf<Copy, 4>(rows + n, "copy", "copy-streams");
  n += rowsOf<TwoToOne, 3>(rows + n, "2:1", "2:1-streams");
  n += rowsOf<Triad, 3>(rows + n, "triad", "triad-streams");
  return n;
}

}  // namespace RP_NS
}  // namespace rp
