// The single instructions of the probes, one macro each, for every variant. `volatile` keeps their order and their number: GCC before
// 15 serialises such chains when it may choose, and a compiler may fold what it understands.
// Arithmetic: FMA a += b*c, ADD a += b, MUL a *= b, DIV a = b/c, SQRT a = sqrt(b). Memory: LOAD, STORE, STORE_NT, XOR acc ^= m,
// XOR3 a = m ^ k, FMA_MEM_F64 a += s*m.
#pragma once
#include "isa.h"

#define RP_ASM2(text, a, b) __asm__ volatile(text : RP_INOUT(a) : RP_IN(b))
#define RP_ASM3(text, a, b, c) __asm__ volatile(text : RP_INOUT(a) : RP_IN(b), RP_IN(c))
#define RP_NEW2(text, a, b) __asm__ volatile(text : RP_OUT(a) : RP_IN(b))
#define RP_NEW3(text, a, b, c) __asm__ volatile(text : RP_OUT(a) : RP_IN(b), RP_IN(c))

#if defined(__x86_64__)
// Registers 16 to 31 exist only with AVX-512.
#if defined(RP_ISA_AVX512)
#define RP_INOUT(a) "+v"(a)
#define RP_OUT(a) "=v"(a)
#define RP_IN(a) "v"(a)
#else
#define RP_INOUT(a) "+x"(a)
#define RP_OUT(a) "=&x"(a)
#define RP_IN(a) "x"(a)
#endif
// Register plus register: Golden Cove folds dependent additions of constants at rename, and the chain would not count cycles.
#define RP_TICK(chain, one) __asm__ volatile("addq %1, %0" : "+r"(chain) : "r"(one))
#if defined(RP_ISA_SCALAR)
#define RP_PS "ss"
#define RP_PD "sd"
#else
#define RP_PS "ps"
#define RP_PD "pd"
#endif
#if defined(RP_ISA_SSE2)
// Without FMA a multiplication and an addition in place: a = a * b + c, which settles at c / (1 - b).
#define RP_FMA_F32(a, b, c) RP_ASM3("mulps %1, %0\n\taddps %2, %0", a, b, c)
#define RP_FMA_F64(a, b, c) RP_ASM3("mulpd %1, %0\n\taddpd %2, %0", a, b, c)
#define RP_ADD_F32(a, b) RP_ASM2("addps %1, %0", a, b)
#define RP_ADD_F64(a, b) RP_ASM2("addpd %1, %0", a, b)
#define RP_MUL_F32(a, b) RP_ASM2("mulps %1, %0", a, b)
#define RP_MUL_F64(a, b) RP_ASM2("mulpd %1, %0", a, b)
#define RP_DIV_F32(a, b, c) RP_NEW3("movaps %1, %0\n\tdivps %2, %0", a, b, c)
#define RP_DIV_F64(a, b, c) RP_NEW3("movaps %1, %0\n\tdivpd %2, %0", a, b, c)
#define RP_SQRT_F32(a, b) RP_NEW2("sqrtps %1, %0", a, b)
#define RP_SQRT_F64(a, b) RP_NEW2("sqrtpd %1, %0", a, b)
#else
#define RP_FMA_F32(a, b, c) RP_ASM3("vfmadd231" RP_PS " %1, %2, %0", a, b, c)
#define RP_FMA_F64(a, b, c) RP_ASM3("vfmadd231" RP_PD " %1, %2, %0", a, b, c)
#define RP_ADD_F32(a, b) RP_ASM2("vadd" RP_PS " %1, %0, %0", a, b)
#define RP_ADD_F64(a, b) RP_ASM2("vadd" RP_PD " %1, %0, %0", a, b)
#define RP_MUL_F32(a, b) RP_ASM2("vmul" RP_PS " %1, %0, %0", a, b)
#define RP_MUL_F64(a, b) RP_ASM2("vmul" RP_PD " %1, %0, %0", a, b)
#define RP_DIV_F32(a, b, c) RP_NEW3("vdiv" RP_PS " %2, %1, %0", a, b, c)
#define RP_DIV_F64(a, b, c) RP_NEW3("vdiv" RP_PD " %2, %1, %0", a, b, c)
#if defined(RP_ISA_SCALAR)
#define RP_SQRT_F32(a, b) RP_NEW2("vsqrtss %1, %1, %0", a, b)
#define RP_SQRT_F64(a, b) RP_NEW2("vsqrtsd %1, %1, %0", a, b)
#else
#define RP_SQRT_F32(a, b) RP_NEW2("vsqrtps %1, %0", a, b)
#define RP_SQRT_F64(a, b) RP_NEW2("vsqrtpd %1, %0", a, b)
#endif
#endif

#if defined(RP_ISA_SCALAR)
#define RP_LOAD(a, m) __asm__ volatile("movq %1, %0" : "=r"(a) : "m"(m))
#define RP_STORE(m, a) __asm__ volatile("movq %1, %0" : "=m"(m) : "r"(a))
#define RP_STORE_NT(m, a) __asm__ volatile("movnti %1, %0" : "=m"(m) : "r"(a))
#define RP_XOR(acc, m) __asm__ volatile("xorq %1, %0" : "+r"(acc) : "m"(m))
#define RP_LOAD_F64(a, m) __asm__ volatile("vmovsd %1, %0" : "=x"(a) : "m"(m))
#define RP_STORE_F64(m, a) __asm__ volatile("vmovsd %1, %0" : "=m"(m) : "x"(a))
#define RP_FMA_MEM_F64(a, s, m) __asm__ volatile("vfmadd231sd %1, %2, %0" : "+x"(a) : "m"(m), "x"(s))
#elif defined(RP_ISA_SSE2)
#define RP_LOAD(a, m) __asm__ volatile("movaps %1, %0" : "=x"(a) : "m"(m))
#define RP_STORE(m, a) __asm__ volatile("movaps %1, %0" : "=m"(m) : "x"(a))
#define RP_STORE_NT(m, a) __asm__ volatile("movntps %1, %0" : "=m"(m) : "x"(a))
#define RP_XOR(acc, m) __asm__ volatile("pxor %1, %0" : "+x"(acc) : "m"(m))
#define RP_LOAD_F64 RP_LOAD
#define RP_STORE_F64 RP_STORE
#define RP_FMA_MEM_F64(a, s, m)                                                        \
  do {                                                                                 \
    rp::RP_NS::f64v product = s;                                                       \
    __asm__ volatile("mulpd %1, %0" : "+x"(product) : "m"(m));                         \
    __asm__ volatile("addpd %1, %0" : "+x"(a) : "x"(product));                         \
  } while (0)
#else
#define RP_LOAD(a, m) __asm__ volatile("vmovaps %1, %0" : RP_OUT(a) : "m"(m))
#define RP_STORE(m, a) __asm__ volatile("vmovaps %1, %0" : "=m"(m) : RP_IN(a))
#define RP_STORE_NT(m, a) __asm__ volatile("vmovntps %1, %0" : "=m"(m) : RP_IN(a))
#if defined(RP_ISA_AVX512)
#define RP_XOR(acc, m) __asm__ volatile("vpxorq %1, %0, %0" : "+v"(acc) : "m"(m))
#define RP_XOR3(a, m, k) __asm__ volatile("vpxorq %1, %2, %0" : "=v"(a) : "m"(m), "v"(k))
#else
#define RP_XOR(acc, m) __asm__ volatile("vpxor %1, %0, %0" : "+x"(acc) : "m"(m))
#define RP_XOR3(a, m, k) __asm__ volatile("vpxor %1, %2, %0" : "=x"(a) : "m"(m), "x"(k))
#endif
#define RP_LOAD_F64 RP_LOAD
#define RP_STORE_F64 RP_STORE
#define RP_FMA_MEM_F64(a, s, m) __asm__ volatile("vfmadd231pd %1, %2, %0" : RP_INOUT(a) : "m"(m), RP_IN(s))
#endif
#define RP_DRAIN() __asm__ volatile("sfence" ::: "memory")

#else  // aarch64
#define RP_INOUT(a) "+w"(a)
#define RP_OUT(a) "=w"(a)
#define RP_IN(a) "w"(a)
#define RP_TICK(chain, one) __asm__ volatile("add %0, %0, %1" : "+r"(chain) : "r"(one))
#if defined(RP_ISA_SCALAR)
#define RP_FMA_F32(a, b, c) RP_ASM3("fmadd %s0, %s1, %s2, %s0", a, b, c)
#define RP_FMA_F64(a, b, c) RP_ASM3("fmadd %d0, %d1, %d2, %d0", a, b, c)
#define RP_ADD_F32(a, b) RP_ASM2("fadd %s0, %s0, %s1", a, b)
#define RP_ADD_F64(a, b) RP_ASM2("fadd %d0, %d0, %d1", a, b)
#define RP_MUL_F32(a, b) RP_ASM2("fmul %s0, %s0, %s1", a, b)
#define RP_MUL_F64(a, b) RP_ASM2("fmul %d0, %d0, %d1", a, b)
#define RP_DIV_F32(a, b, c) RP_NEW3("fdiv %s0, %s1, %s2", a, b, c)
#define RP_DIV_F64(a, b, c) RP_NEW3("fdiv %d0, %d1, %d2", a, b, c)
#define RP_SQRT_F32(a, b) RP_NEW2("fsqrt %s0, %s1", a, b)
#define RP_SQRT_F64(a, b) RP_NEW2("fsqrt %d0, %d1", a, b)
#define RP_LOAD(a, m) __asm__ volatile("ldr %0, %1" : "=r"(a) : "m"(m))
#define RP_STORE(m, a) __asm__ volatile("str %1, %0" : "=m"(m) : "r"(a))
#define RP_LOAD_F64(a, m) __asm__ volatile("ldr %d0, %1" : "=w"(a) : "m"(m))
#define RP_STORE_F64(m, a) __asm__ volatile("str %d1, %0" : "=m"(m) : "w"(a))
#else
#define RP_FMA_F32(a, b, c) RP_ASM3("fmla %0.4s, %1.4s, %2.4s", a, b, c)
#define RP_FMA_F64(a, b, c) RP_ASM3("fmla %0.2d, %1.2d, %2.2d", a, b, c)
#define RP_ADD_F32(a, b) RP_ASM2("fadd %0.4s, %0.4s, %1.4s", a, b)
#define RP_ADD_F64(a, b) RP_ASM2("fadd %0.2d, %0.2d, %1.2d", a, b)
#define RP_MUL_F32(a, b) RP_ASM2("fmul %0.4s, %0.4s, %1.4s", a, b)
#define RP_MUL_F64(a, b) RP_ASM2("fmul %0.2d, %0.2d, %1.2d", a, b)
#define RP_DIV_F32(a, b, c) RP_NEW3("fdiv %0.4s, %1.4s, %2.4s", a, b, c)
#define RP_DIV_F64(a, b, c) RP_NEW3("fdiv %0.2d, %1.2d, %2.2d", a, b, c)
#define RP_SQRT_F32(a, b) RP_NEW2("fsqrt %0.4s, %1.4s", a, b)
#define RP_SQRT_F64(a, b) RP_NEW2("fsqrt %0.2d, %1.2d", a, b)
#define RP_LOAD(a, m) __asm__ volatile("ldr %q0, %1" : "=w"(a) : "m"(m))
#define RP_STORE(m, a) __asm__ volatile("str %q1, %0" : "=m"(m) : "w"(a))
#define RP_LOAD_F64 RP_LOAD
#define RP_STORE_F64 RP_STORE
#endif
// A non-temporal store writes a pair of registers: the kernels store pairs.
#define RP_XOR(acc, m)              \
  do {                              \
    rp::RP_NS::wordv loaded;        \
    RP_LOAD(loaded, m);             \
    acc ^= loaded;                  \
  } while (0)
#define RP_FMA_MEM_F64(a, s, m)     \
  do {                              \
    rp::RP_NS::f64v loaded;         \
    RP_LOAD_F64(loaded, m);         \
    RP_FMA_F64(a, s, loaded);       \
  } while (0)
#define RP_DRAIN() __asm__ volatile("dmb ishst" ::: "memory")
#endif

// Where no single instruction takes memory, key and a fresh result.
#if !defined(RP_XOR3)
#define RP_XOR3(a, m, k)            \
  do {                              \
    a = k;                          \
    RP_XOR(a, m);                   \
  } while (0)
#endif

// Makes the compiler forget what it knows of a value, and keeps a result from being dropped: no instructions.
#define RP_OPAQUE(a) __asm__ volatile("" : RP_INOUT(a))
#define RP_KEEP(a) __asm__ volatile("" : : RP_IN(a))
