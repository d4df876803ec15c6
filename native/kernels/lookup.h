// SiLU and both forms of GELU for AVX-512, where a register pair is a table of 32 values that one instruction looks up: part of vec.h.
//
// Zen 4 has four pipes of half a vector: multiply-adds take two of them, additions the two others, lookups the two in the middle, whole
// numbers any. Cycles for 16 values from L2: SiLU 6.9 (by the polynomials for other instruction sets 10.4), GELU 9.4 (16.1, its tanh form 12.3).
#pragma once

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)

// As its sign is, no further from 0 than `most`; `most` for what is not a number.
RP_INLINE f32v within(f32v x, float most) { return f32v(_mm512_range_ps(__m512(x), _mm512_set1_ps(most), 0x2)); }
// Bit patterns as signed numbers: they order positive floats, a NaN behind all, and let negative ones pass.
RP_INLINE f32v lesser(f32v x, float most) { return f32v(_mm512_min_epi32(__m512i(x), __m512i(splat(most)))); }
// n's last five bits choose.
RP_INLINE f32v lookUp(const float (&table)[32], f32v n) {
  return f32v(_mm512_permutex2var_ps(_mm512_load_ps(table), __m512i(n), _mm512_load_ps(table + 16)));
}

// 2^n times the multiple by which 2^f is (f + 46/32)^2 + 2.08126 to 1.2e-7, where |f| <= 1/64 and the last five bits of n choose: fitted for the least
// largest error. 46/32 is close to 1 / ln 2, and taken off with n costs nothing: n here is that of n + 46/32.
alignas(64) static const float thirtySecondsSquared[32] = {
    0.964397669f, 0.985515237f, 1.00709522f, 1.02914774f, 1.05168307f, 1.07471192f, 1.09824514f, 1.12229347f,
    1.14686859f, 1.17198169f, 1.19764471f, 1.2238698f, 1.250669f, 1.27805507f, 0.653020442f, 0.667319715f,
    0.681932151f, 0.696864486f, 0.712123811f, 0.72771734f, 0.743652284f, 0.759936094f, 0.776576579f, 0.793581367f,
    0.810958505f, 0.828716218f, 0.846862733f, 0.865406632f, 0.884356558f, 0.903721452f, 0.923510373f, 0.943732619f,
};

// e^(factor x) for softmax, rate being factor log2(e): x not far above 0. Relative error 4e-7 near 0, and below it 1.5e-8 |factor x| more, for a factor
// that is no power of two 1.2e-7. rate x = n + f,
// n in steps of 1/32. `clamps`: whether x may be -infinity, which is then as good as `least`, one instruction more; without, it makes NaN, and what is
// less than -3e26 may make NaN. Emerald Rapids, 16 values: 4.4 cycles, and 3.9 without clamping; with a polynomial for 2^f 5.0, expAll 6.7.
constexpr float leastNear = -110.0f;
template <bool clamps, int N>
RP_INLINE void expNearAll(f32v (&x)[N], float rate = 1.44269504f, float least = leastNear) {
  const f32v magic = splat(393216.0f), magicAndMore = splat(393217.4375f);  // 1.5 * 2^18: adding it rounds to a 32nd
  f32v n[N], p[N], r[N];
  if (clamps) RP_STEP(N) x[i] = max(splat(least), x[i]);
  RP_STEP(N) n[i] = x[i] * rate + magic;
  RP_STEP(N) p[i] = lookUp(thirtySecondsSquared, n[i]);
  RP_STEP(N) n[i] = n[i] - magicAndMore;
  RP_STEP(N) r[i] = x[i] * rate - n[i];
  RP_STEP(N) p[i] = f32v(_mm512_scalef_ps(__m512(p[i]), __m512(n[i])));
  RP_STEP(N) r[i] = r[i] * r[i] + 2.08126f;
  RP_STEP(N) x[i] = p[i] * r[i];
}

// x / (1 + e^-x): relative error 5.2e-7 for |x| < 12, where the values are 7e-5 and less. From 89 on the power is infinite, and so is the divisor:
// minus infinity makes NaN, as it must. The power is that of expNearAll().
template <int N>
RP_INLINE void siluAll(f32v (&x)[N]) {
  const f32v magic = splat(393216.0f), magicAndMore = splat(393217.4375f);
  f32v n[N], p[N], r[N];
  RP_STEP(N) r[i] = within(x[i], 128.0f);
  RP_STEP(N) n[i] = r[i] * -1.44269504f + magic;
  RP_STEP(N) p[i] = lookUp(thirtySecondsSquared, n[i]);
  RP_STEP(N) n[i] = n[i] - magicAndMore;
  RP_STEP(N) r[i] = r[i] * -1.44269504f - n[i];
  RP_STEP(N) p[i] = f32v(_mm512_scalef_ps(__m512(p[i]), __m512(n[i])));
  RP_STEP(N) r[i] = r[i] * r[i] + 2.08126f;
  RP_STEP(N) x[i] = x[i] / (p[i] * r[i] + 1.0f);
}

// Both forms of GELU are max(0, x) - |x| q(|x|), where q falls from 1/2 to 0. Here it is a cubic around each multiple of 5.6 / 31 up to 5.6, in
// 31st parts of 5.6, fitted for the least largest error times |x|, which is 1.7e-7. The last one is 0.
typedef float Cubics[4][32];
// erfc(z / sqrt 2) / 2
alignas(64) static const Cubics halfErfc = {
    {
        0.5f, 0.42832312f, 0.358941346f, 0.293931633f, 0.234968975f, 0.183203205f, 0.139211163f, 0.103022531f,
        0.0742063597f, 0.0519954376f, 0.0354239009f, 0.0234558005f, 0.0150891151f, 0.00942740589f, 0.00571882725f, 0.00336739235f,
        0.00192420068f, 0.00106680649f, 0.000573743717f, 0.000299277308f, 0.000151386499f, 7.42503471e-05f, 3.53064388e-05f, 1.62743872e-05f,
        7.27120414e-06f, 3.14860836e-06f, 1.32131004e-06f, 5.3731759e-07f, 2.11722337e-07f, 8.08320095e-08f, 2.98988958e-08f, 0.0f,
    },
    {
        -0.0720670596f, -0.0709005147f, -0.0675134733f, -0.0622243211f, -0.0555082746f, -0.0479273237f, -0.0400531292f, -0.0323979557f,
        -0.0253645126f, -0.019220436f, -0.0140970331f, -0.0100073693f, -0.0068760626f, -0.00457285484f, -0.0029434904f, -0.00183385669f,
        -0.0011058487f, -0.000645436521f, -0.00036461858f, -0.000199366157f, -0.000105509462f, -5.40453912e-05f, -2.67949599e-05f, -1.28580377e-05f,
        -5.97204871e-06f, -2.6847199e-06f, -1.16815784e-06f, -4.91961259e-07f, -2.00533549e-07f, -7.91170081e-08f, -3.02119822e-08f, 0.0f,
    },
    {
        5.84434133e-07f, 0.00115447456f, 0.00219891849f, 0.0030402632f, 0.00361669855f, 0.00390420901f, 0.0039162701f, 0.00369679206f,
        0.00330879423f, 0.00282177445f, 0.00230052159f, 0.0017972698f, 0.00134785438f, 0.00097161287f, 0.000673927425f, 0.000450151361f,
        0.000289745367f, 0.000179813229f, 0.000107638691f, 6.21755535e-05f, 3.46667512e-05f, 1.86623565e-05f, 9.70243764e-06f, 4.87241095e-06f,
        2.36391634e-06f, 1.10818576e-06f, 5.02047101e-07f, 2.19826617e-07f, 9.30393682e-08f, 3.8066748e-08f, 1.50575694e-08f, 0.0f,
    },
    {
        0.000390578905f, 0.000371876406f, 0.000317670347f, 0.000237819011f, 0.000143479774f, 4.76249661e-05f, -3.81238533e-05f, -0.000105364416f,
        -0.000149852058f, -0.000171441032f, -0.000173228094f, -0.000160260795f, -0.00013820047f, -0.000112230256f, -8.63830428e-05f, -6.32923402e-05f,
        -4.4280674e-05f, -2.96484614e-05f, -1.90310748e-05f, -1.17268446e-05f, -6.94417304e-06f, -3.95510642e-06f, -2.16822423e-06f, -1.14476768e-06f,
        -5.82392659e-07f, -2.85618199e-07f, -1.35078793e-07f, -6.16252152e-08f, -2.71281806e-08f, -1.15260432e-08f, -4.72749484e-09f, 0.0f,
    },
};
// (1 - tanh(u)) / 2 for u = sqrt(2/pi) (z + 0.044715 z^3)
alignas(64) static const Cubics halfTanh = {
    {
        0.5f, 0.428325027f, 0.358955503f, 0.293974131f, 0.235053763f, 0.18333444f, 0.139378309f, 0.103201166f,
        0.0743641853f, 0.0521015823f, 0.0354577415f, 0.0234121326f, 0.0149781574f, 0.00927037839f, 0.00554127339f, 0.00319278007f,
        0.00176962768f, 0.000941450184f, 0.000479643873f, 0.000233461818f, 0.000108301087f, 4.77636568e-05f, 1.99768583e-05f, 7.90372997e-06f,
        2.95065729e-06f, 1.0367919e-06f, 3.42021707e-07f, 1.0565919e-07f, 3.04897725e-08f, 8.19776691e-09f, 2.04848205e-09f, 0.0f,
    },
    {
        -0.0720670596f, -0.0708949044f, -0.067493543f, -0.0621879548f, -0.0554617047f, -0.0478835627f, -0.0400274508f, -0.0324020386f,
        -0.0254018139f, -0.0192847308f, -0.0141746821f, -0.0100820884f, -0.00693404954f, -0.00460629258f, -0.00295148883f, -0.00182108418f,
        -0.00107990263f, -0.000614161487f, -0.000334220415f, -0.000173618144f, -8.58806525e-05f, -4.03496742e-05f, -1.79607941e-05f, -7.55517203e-06f,
        -2.99563817e-06f, -1.11674854e-06f, -3.90427488e-07f, -1.27686505e-07f, -3.89648207e-08f, -1.10669722e-08f, -2.91823654e-09f, 0.0f,
    },
    {
        5.97769599e-07f, 0.00115981093f, 0.00220719771f, 0.00304752518f, 0.00361891161f, 0.00389893982f, 0.00390384416f, 0.00368033862f,
        0.00329306885f, 0.00281129871f, 0.00229792087f, 0.00180252769f, 0.0013586838f, 0.00098459213f, 0.000685798412f, 0.000458746537f,
        0.000294305122f, 0.000180762348f, 0.000106073618f, 5.9334543e-05f, 3.15617108e-05f, 1.59251776e-05f, 7.6029396e-06f, 3.42571684e-06f,
        1.45310253e-06f, 5.78794584e-07f, 2.15949257e-07f, 7.52836016e-08f, 2.44623699e-08f, 7.39058237e-09f, 2.07098472e-09f, 0.0f,
    },
    {
        0.000392487447f, 0.000373365474f, 0.000318020931f, 0.000236749169f, 0.000141252109f, 4.50145781e-05f, -4.01189754e-05f, -0.00010594917f,
        -0.000148782477f, -0.000169109961f, -0.000170455896f, -0.000157923423f, -0.000136891103f, -0.00011210097f, -8.7192755e-05f, -6.45892214e-05f,
        -4.56085145e-05f, -3.06903166e-05f, -1.9657231e-05f, -1.1963547e-05f, -6.90416982e-06f, -3.76951039e-06f, -1.94242148e-06f, -9.42393342e-07f,
        -4.29431708e-07f, -1.83348277e-07f, -7.31703835e-08f, -2.72289746e-08f, -9.42609901e-09f, -3.02836689e-09f, -9.00811925e-10f, 0.0f,
    },
};

// q of z, from 0 to 5.6
template <int N>
RP_INLINE void cubicOf(const Cubics& table, const f32v (&z)[N], f32v (&q)[N]) {
  const f32v magic = splat(12582912.0f);
  f32v n[N], f[N];
  RP_STEP(N) f[i] = z[i] * 5.5357141f;
  RP_STEP(N) n[i] = f[i] + magic;
  RP_STEP(N) q[i] = lookUp(table[3], n[i]);
  RP_STEP(N) f[i] = f32v(_mm512_reduce_ps(__m512(f[i]), 0));
  RP_STEP(N) q[i] = q[i] * f[i] + lookUp(table[2], n[i]);
  RP_STEP(N) q[i] = q[i] * f[i] + lookUp(table[1], n[i]);
  RP_STEP(N) q[i] = q[i] * f[i] + lookUp(table[0], n[i]);
}
// q of z, from 0 on; NaN taken as 5.6
template <int N>
RP_INLINE void cubicAll(const Cubics& table, const f32v (&z)[N], f32v (&q)[N]) {
  f32v near[N];
  RP_STEP(N) near[i] = lesser(z[i], 5.6f);
  cubicOf(table, near, q);
}

// Largest absolute error of both 2.5e-7: that of rounding 4. Infinity must not be multiplied by the 0 from 5.6 on, but minus infinity must:
// its GELU is not a number.
template <int N>
RP_INLINE void geluByTable(const Cubics& table, f32v (&x)[N]) {
  f32v z[N], q[N];
  RP_STEP(N) z[i] = magnitude(lesser(x[i], 1e30f));
  cubicAll(table, z, q);
  RP_STEP(N) x[i] = max(splat(0.0f), x[i]) - z[i] * q[i];
}
template <int N>
RP_INLINE void geluAll(f32v (&x)[N]) {
  geluByTable(halfErfc, x);
}
template <int N>
RP_INLINE void geluTanhAll(f32v (&x)[N]) {
  geluByTable(halfTanh, x);
}

// The same values in two instructions less, which keeps a loop of other work beside it shorter: the distance is clamped and made positive at
// once, and what is not positive becomes 0, minus infinity NaN. GELU alone takes 9.6 cycles as above and 9.9 so; with a bias added 10.3 and 9.7.
template <int N>
RP_INLINE void geluBesideAll(f32v (&x)[N]) {
  f32v z[N], q[N];
  RP_STEP(N) z[i] = f32v(_mm512_range_ps(__m512(x[i]), _mm512_set1_ps(5.6f), 0xa));
  cubicOf(halfErfc, z, q);
  // by kind, from the lowest four bits on: NaN as it is, signalling ones made quiet; 0 for 0; 1 as it is; NaN for minus infinity; infinity as it is; 0 for
  // negative values; positive ones as they are
  const __m512i kinds = _mm512_set1_epi32(0x08030820);
  RP_STEP(N) x[i] = f32v(_mm512_fixupimm_ps(__m512(x[i]), __m512(x[i]), kinds, 0)) - z[i] * q[i];
}

// erf(x / sqrt 2), as exact as GELU needs it: absolute error 5e-7
template <int N>
RP_INLINE void erfNearAll(f32v (&x)[N]) {
  f32v z[N], q[N];
  RP_STEP(N) z[i] = magnitude(x[i]);
  cubicAll(halfErfc, z, q);
  RP_STEP(N) x[i] = withSignOf(x[i], 1.0f - 2.0f * q[i]);
}

#else

constexpr float leastNear = -87.3f;
#if defined(__FMA__) || defined(__aarch64__)
// The same where no table is looked up: relative error 2e-7 near 0 and as much more below it. From `least` down it is 0, whatever `clamps`, and from
// 88.7 / -87.3 of it on infinity. Thirteen instructions, where expAll() has twenty-two.
template <bool, int N>
RP_INLINE void expNearAll(f32v (&x)[N], float rate = 1.44269504f, float least = leastNear) {
  const f32v magic = splat(exponentMagic), most = splat(-88.723f / 87.3f * least), last = splat(least);
  f32v n[N], r[N];
  RP_STEP(N) r[i] = min(most, x[i]);
  RP_STEP(N) n[i] = r[i] * rate + magic;
  RP_STEP(N) r[i] = r[i] * rate - (n[i] - magic);
  exp2Polynomial(r);
  RP_STEP(N) r[i] = r[i] * powerOfTwo(n[i]);
  RP_STEP(N) x[i] = x[i] < last ? splat(0.0f) : r[i];
}
#else
// A product that is rounded before its whole part is gone loses too much: here that is taken off in two parts.
template <bool, int N>
RP_INLINE void expNearAll(f32v (&x)[N], float rate = 1.44269504f, float = 0) {
  if (rate != 1.44269504f) RP_STEP(N) x[i] = rate * 0.69314718f * x[i];
  expAll(x);
}
#endif

// erf as GELU needs it
template <int N>
RP_INLINE void erfNearAll(f32v (&x)[N]) {
  erfAll(x);
}

template <int N>
RP_INLINE void geluBesideAll(f32v (&x)[N]) {
  geluAll(x);
}

#endif

}  // namespace RP_NS
}  // namespace rp
