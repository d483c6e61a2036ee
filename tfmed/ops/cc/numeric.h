// The element types of the pooling kernels and the type that each is summed in. No TensorFlow here, so that
// every kernel, on whatever device, compiles quickly and from the same definitions.
#ifndef TFMED_OPS_CC_NUMERIC_H_
#define TFMED_OPS_CC_NUMERIC_H_

#include <cstdint>

// Forced inlining keeps code built for a newer instruction set out of the symbols that other files may link to.
#ifdef __CUDACC__
#define TFMED_INLINE __host__ __device__ __forceinline__
#else
#define TFMED_INLINE inline __attribute__((always_inline))
#endif

namespace tfmed {

struct Half {
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

// The same bits as another type.
template <typename To, typename From>
TFMED_INLINE To Cast(From value) {
  static_assert(sizeof(To) == sizeof(From), "a cast of bits keeps the size");
  To result;
  __builtin_memcpy(&result, &value, sizeof(result));
  return result;
}

// Conversions of half types for one number, or for a vector of them: F is float and U is uint32_t, or vectors of
// these with as many lanes. Selects instead of branches; no arithmetic on float subnormals, which TensorFlow's
// threads flush to zero.
template <typename F, typename U>
TFMED_INLINE F WidenHalf(U bits) {
  const U magnitude = (bits & 0x7fffu) << 13;
  const uint32_t smallest_normal = 0x38800000;  // 2^-14
  const U subnormal = Cast<U>(Cast<F>(magnitude + smallest_normal) - Cast<float>(smallest_normal));
  const U special = magnitude + 0x70000000u;
  const U normal = magnitude + 0x38000000u;
  const U large = magnitude >= (0x7c00u << 13) ? special : normal;
  return Cast<F>((bits & 0x8000u) << 16 | (magnitude < (0x0400u << 13) ? subnormal : large));
}

// Rounds to the nearest, ties to even; NaN stays NaN, what exceeds 65504 by half a step becomes infinity.
template <typename U, typename F>
TFMED_INLINE U NarrowHalf(F value) {
  const U bits = Cast<U>(value);
  const U magnitude = bits & 0x7fffffffu;
  const uint32_t half_one = 0x3f000000;  // adding 0.5 leaves a subnormal half in the lowest bits, rounded
  const U subnormal = Cast<U>(Cast<F>(magnitude) + Cast<float>(half_one)) - half_one;
  const U normal = (magnitude + 0xc8000fffu + ((magnitude >> 13) & 1u)) >> 13;
  const U finite = magnitude < 0x38800000u ? subnormal : normal;
  const U infinity = (magnitude & 0u) + 0x7c00u;
  const U special = magnitude > 0x7f800000u ? infinity + 0x200u : infinity;
  return ((bits >> 16) & 0x8000u) | (magnitude >= 0x47800000u ? special : finite);
}

template <typename U, typename F>
TFMED_INLINE U NarrowBFloat16(F value) {
  const U bits = Cast<U>(value);
  const U rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const U quiet = (bits >> 16) | 0x40u;
  return (bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded;
}

TFMED_INLINE double Widen(double value) { return value; }
TFMED_INLINE float Widen(float value) { return value; }
TFMED_INLINE float Widen(Half value) { return WidenHalf<float, uint32_t>(value.bits); }
TFMED_INLINE float Widen(BFloat16 value) { return Cast<float>(static_cast<uint32_t>(value.bits) << 16); }

TFMED_INLINE void Narrow(double value, double* out) { *out = value; }
TFMED_INLINE void Narrow(double value, float* out) { *out = static_cast<float>(value); }
TFMED_INLINE void Narrow(float value, float* out) { *out = value; }
TFMED_INLINE void Narrow(float value, Half* out) { out->bits = static_cast<uint16_t>(NarrowHalf<uint32_t>(value)); }
TFMED_INLINE void Narrow(float value, BFloat16* out) {
  out->bits = static_cast<uint16_t>(NarrowBFloat16<uint32_t>(value));
}

}  // namespace tfmed

#endif  // TFMED_OPS_CC_NUMERIC_H_
