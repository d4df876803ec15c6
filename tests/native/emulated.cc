// Probes whose instructions this CPU lacks (AMX, AVX-VNNI, AVX512-FP16), run all the same: an instruction that the CPU does not know raises
// SIGILL, and the handler does to the interrupted thread's registers and memory what the manual says. It decodes the bytes that the
// compiler wrote, so that encoding, order of operands, tile configuration, shapes and the FLOP or OP credited are checked; speed is not.
// Semantics: Intel SDM vol. 2, TDPBSSD, TDPBF16PS, TILELOADD, TILESTORED, TILEZERO, LDTILECFG, VPDPBUSD, VPDPWSSD, VFMADD231PH.
#include <cpuid.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <initializer_list>

#include "../../native/core/variants.h"

namespace {

long counted = 0;  // arithmetic instructions that were emulated
int failures = 0;

[[noreturn]] void give_up(const char* what, const uint8_t* at) {
  fprintf(stderr, "%s: %02x %02x %02x %02x %02x %02x\n", what, at[0], at[1], at[2], at[3], at[4], at[5]);
  _exit(1);
}

// --- tiles

struct Tiles {
  bool configured = false;
  int rows[8], bytes[8];
  uint8_t data[8][16][64];
} tiles;

void configure(const uint8_t* at) {
  // byte 0 palette, 1 start row, 16.. bytes per row (16 bits each), 48.. rows
  bool zero = true;
  for (int i = 2; i < 16; i++) zero &= at[i] == 0;
  for (int t = 0; t < 8; t++) {
    uint16_t bytes;
    memcpy(&bytes, at + 16 + 2 * t, 2);
    tiles.bytes[t] = bytes;
    tiles.rows[t] = at[48 + t];
    zero &= at[16 + 2 * (t + 8)] == 0 && at[48 + t + 8] == 0 && bytes <= 64 && tiles.rows[t] <= 16;
  }
  if (at[0] != 1 || at[1] != 0 || !zero) give_up("a tile configuration that the CPU would refuse", at);
  tiles.configured = true;
  memset(tiles.data, 0, sizeof tiles.data);
}

float bf16(const uint8_t* at) {
  uint32_t bits = uint32_t(at[0] | at[1] << 8) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

void product(int c, int a, int b, bool floats) {
  const int inner = tiles.bytes[a] / 4;
  if (c == a || c == b || a == b || tiles.rows[c] != tiles.rows[a] || tiles.rows[b] != inner || tiles.bytes[c] != tiles.bytes[b])
    give_up("tiles that cannot be multiplied", tiles.data[0][0]);
  for (int m = 0; m < tiles.rows[a]; m++)
    for (int n = 0; n < tiles.bytes[c] / 4; n++)
      for (int k = 0; k < inner; k++) {
        uint8_t* const to = &tiles.data[c][m][4 * n];
        const uint8_t *const x = &tiles.data[a][m][4 * k], *const y = &tiles.data[b][k][4 * n];
        if (floats) {
          float sum;
          memcpy(&sum, to, 4);
          sum += bf16(x) * bf16(y) + bf16(x + 2) * bf16(y + 2);
          memcpy(to, &sum, 4);
        } else {
          int32_t sum;
          memcpy(&sum, to, 4);
          for (int j = 0; j < 4; j++) sum += int8_t(x[j]) * int8_t(y[j]);
          memcpy(to, &sum, 4);
        }
      }
  counted++;
}

// --- vector registers of the interrupted thread, in the frame's XSAVE area (SDM vol. 1, 13.4)

struct Vectors {
  uint8_t* area;
  uint32_t offset[8];
  explicit Vectors(const ucontext_t* context) : area(reinterpret_cast<uint8_t*>(context->uc_mcontext.fpregs)) {
    uint64_t present;
    memcpy(&present, area + 512, 8);
    for (uint32_t part : {2u, 5u, 6u, 7u}) {  // upper halves of ymm, masks, upper halves of zmm, zmm16 to 31
      uint32_t size, c, d;
      offset[part] = 0;
      if (!__get_cpuid_count(0xd, part, &size, &offset[part], &c, &d) || offset[part] == 0) continue;
      if (!(present >> part & 1)) memset(area + offset[part], 0, size);
      present |= uint64_t(1) << part;
    }
    present |= 2;
    memcpy(area + 512, &present, 8);
  }
  void read(int reg, uint8_t (&to)[64]) const {
    memset(to, 0, 64);
    if (reg >= 16) return void(memcpy(to, area + offset[7] + (reg - 16) * 64, 64));
    memcpy(to, area + 160 + reg * 16, 16);
    memcpy(to + 16, area + offset[2] + reg * 16, 16);
    if (offset[6]) memcpy(to + 32, area + offset[6] + reg * 32, 32);
  }
  void write(int reg, const uint8_t (&from)[64]) const {
    if (reg >= 16) return void(memcpy(area + offset[7] + (reg - 16) * 64, from, 64));
    memcpy(area + 160 + reg * 16, from, 16);
    memcpy(area + offset[2] + reg * 16, from + 16, 16);
    if (offset[6]) memcpy(area + offset[6] + reg * 32, from + 32, 32);
  }
};

double half(const uint8_t* at) {
  const int bits = at[0] | at[1] << 8, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 31) give_up("an f16 that is no number", at);
  const double value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
  return bits & 0x8000 ? -value : value;
}

// Exact results only: the probes' sums must be.
void putHalf(uint8_t* at, double value) {
  int exponent;
  const double fraction = frexp(fabs(value), &exponent);  // [0.5, 1)
  const int bits = value == 0 ? 0 : (exponent + 14) << 10 | (int(fraction * 2048) & 1023);
  at[0] = uint8_t(bits), at[1] = uint8_t(bits >> 8 | (value < 0 ? 0x80 : 0));
  if (half(at) != value) give_up("an f16 that would be rounded", at);
}

enum class Dot { bytes, words, halves };

void dot(const ucontext_t* context, int to, int second, int third, int width, Dot kind) {
  const Vectors vectors(context);
  uint8_t a[64], b[64], c[64];
  vectors.read(to, a), vectors.read(second, b), vectors.read(third, c);
  if (kind == Dot::halves) {
    for (int i = 0; i < width; i += 2) putHalf(a + i, half(b + i) * half(c + i) + half(a + i));
  } else {
    for (int i = 0; i < width; i += 4) {
      int32_t sum;
      memcpy(&sum, a + i, 4);
      if (kind == Dot::bytes)
        for (int j = i; j < i + 4; j++) sum += int(b[j]) * int8_t(c[j]);  // unsigned by signed
      else
        for (int j = i; j < i + 4; j += 2) {
          int16_t x, y;
          memcpy(&x, b + j, 2), memcpy(&y, c + j, 2);
          sum += x * y;
        }
      memcpy(a + i, &sum, 4);
    }
  }
  memset(a + width, 0, 64 - width);
  vectors.write(to, a);
  counted++;
}

// --- decoding

struct Address {
  uint8_t* base;
  int64_t stride;  // the index register: what TILELOADD and TILESTORED add per row
  int length;      // bytes from ModRM on
};

Address addressOf(const uint8_t* modrm, bool extendIndex, bool extendBase, const greg_t* general) {
  static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  const int mod = modrm[0] >> 6, rm = modrm[0] & 7;
  int at = 1, base = rm | extendBase << 3;
  Address found{nullptr, 0, 0};
  if (rm == 4) {
    const uint8_t sib = modrm[at++];
    base = (sib & 7) | extendBase << 3;
    const int index = (sib >> 3 & 7) | extendIndex << 3;
    if (index != 4) found.stride = int64_t(general[order[index]]) << (sib >> 6);
    if ((sib & 7) == 5 && mod == 0) give_up("an address without base", modrm);
  } else if (rm == 5 && mod == 0) {
    give_up("an address from rip", modrm);
  }
  int64_t displacement = 0;
  if (mod == 1) displacement = int8_t(modrm[at]), at += 1;
  if (mod == 2) {
    int32_t wide;
    memcpy(&wide, modrm + at, 4);
    displacement = wide, at += 4;
  }
  found.base = reinterpret_cast<uint8_t*>(general[order[base]] + displacement);
  found.length = at;
  return found;
}

void emulate(int, siginfo_t*, void* raw) {
  ucontext_t* const context = static_cast<ucontext_t*>(raw);
  greg_t* const general = context->uc_mcontext.gregs;
  const uint8_t* const at = reinterpret_cast<const uint8_t*>(general[REG_RIP]);
  int length = 0;
  if (at[0] == 0xc4) {
    const bool r = !(at[1] & 0x80), x = !(at[1] & 0x40), b = !(at[1] & 0x20);
    const int map = at[1] & 31, w = at[2] >> 7, v = ~at[2] >> 3 & 15, l = at[2] >> 2 & 1, prefix = at[2] & 3;
    const uint8_t opcode = at[3], modrm = at[4];
    const bool registers = modrm >> 6 == 3;
    const int reg = (modrm >> 3 & 7) | r << 3, rm = (modrm & 7) | b << 3;
    if (map != 2 || w != 0) give_up("an unknown instruction", at);
    if (prefix == 1 && registers && (opcode == 0x50 || opcode == 0x52)) {
      dot(context, reg, v, rm, l ? 32 : 16, opcode == 0x50 ? Dot::bytes : Dot::words);
      length = 5;
    } else if (l == 0 && opcode == 0x49 && prefix == 0 && !registers) {
      const Address from = addressOf(at + 4, x, b, general);
      configure(from.base + from.stride);
      length = 4 + from.length;
    } else if (l == 0 && opcode == 0x49 && prefix == 0 && modrm == 0xc0) {
      tiles.configured = false;
      length = 5;
    } else if (!tiles.configured) {
      give_up("a tile instruction without a configuration, or an unknown one", at);
    } else if (l == 0 && opcode == 0x49 && prefix == 3 && registers && (modrm & 7) == 0) {
      memset(tiles.data[reg], 0, sizeof tiles.data[reg]);
      length = 5;
    } else if (l == 0 && opcode == 0x4b && (prefix == 3 || prefix == 2) && !registers && (modrm & 7) == 4) {
      const Address where = addressOf(at + 4, x, b, general);
      for (int row = 0; row < tiles.rows[reg]; row++) {
        uint8_t* const line = where.base + row * where.stride;
        if (prefix == 3) memcpy(tiles.data[reg][row], line, size_t(tiles.bytes[reg]));
        else memcpy(line, tiles.data[reg][row], size_t(tiles.bytes[reg]));
      }
      length = 4 + where.length;
    } else if (l == 0 && registers && ((opcode == 0x5e && prefix == 3) || (opcode == 0x5c && prefix == 2))) {
      product(reg, rm, v, opcode == 0x5c);
      length = 5;
    }
  } else if (at[0] == 0x62 && (at[1] & 7) == 6 && (at[2] & 0x87) == 0x05 && at[4] == 0xb8 && at[5] >> 6 == 3) {
    // VFMADD231PH between registers, no mask, no rounding of its own
    if (at[3] & 0x97) give_up("a masked or rounded instruction", at);
    const int reg = (at[5] >> 3 & 7) | !(at[1] & 0x80) << 3 | !(at[1] & 0x10) << 4;
    const int rm = (at[5] & 7) | !(at[1] & 0x20) << 3 | !(at[1] & 0x40) << 4;
    const int v = (~at[2] >> 3 & 15) | !(at[3] & 8) << 4;
    dot(context, reg, v, rm, 16 << (at[3] >> 5 & 3), Dot::halves);
    length = 6;
  }
  if (length == 0) give_up("an unknown instruction", at);
  general[REG_RIP] += length;
}

// Runs a row that the CPU lacks: the sum must grow by what is credited, by as many instructions as are credited.
void check(const rp::Variant& v, const rp::ComputeProbe& probe) {
  const double start = probe.run(0);
  const long before = counted;
  const double once = probe.run(1);
  const long first = counted - before;
  const double thrice = probe.run(3);
  const double work = probe.opsPerPass * probe.lanes * probe.perLane;
  const bool right = once - start == work * probe.growth && thrice - start == 3 * work * probe.growth &&
                     double(first) == probe.opsPerPass && counted - before == 4 * first;
  if (!right) failures++;
  printf("%s%s %s%s%s: %ld instructions, %g credited\n", right ? "" : "FAIL ", v.isa, probe.engine ? probe.engine : "",
         probe.engine ? "/" : "", probe.id, first, probe.opsPerPass);
}

}  // namespace

int main() {
  struct sigaction action = {};
  action.sa_sigaction = emulate;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, nullptr);
  const bool wide = rp::findVariant("avx512") != nullptr;
  const rp::Variants& all = rp::variants();
  for (int i = 0; i < all.count; i++)
    for (int k = 0; k < all.list[i]->computeCount; k++) {
      const rp::ComputeProbe& probe = all.list[i]->compute[k];
      // without AVX-512 there are no registers for what builds on it
      const bool possible = probe.needs & rp::featureAvxVnni ||
                            (wide && probe.needs & (rp::featureAvx512Fp16 | rp::featureAmxInt8 | rp::featureAmxBf16));
      if (possible && probe.run && !rp::canRun(probe)) check(*all.list[i], probe);
    }
  printf(failures ? "%d failed\n" : "all as credited\n", failures);
  return failures ? 1 : 0;
}
