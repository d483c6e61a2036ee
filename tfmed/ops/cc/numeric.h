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

TFMED_INLINE float FloatOf(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}

TFMED_INLINE uint32_t BitsOf(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  return bits;
}

TFMED_INLINE double Widen(double value) { return value; }

TFMED_INLINE float Widen(float value) { return value; }

TFMED_INLINE float Widen(BFloat16 value) { return FloatOf(static_cast<uint32_t>(value.bits) << 16); }

// Selects instead of branches, so that compilers vectorise it; no arithmetic on float subnormals, which
// TensorFlow's threads flush to zero.
TFMED_INLINE float Widen(Half value) {
  const uint32_t magnitude = static_cast<uint32_t>(value.bits & 0x7fff) << 13;
  const uint32_t smallest_normal = 0x38800000;  // 2^-14
  const uint32_t subnormal = BitsOf(FloatOf(magnitude + smallest_normal) - FloatOf(smallest_normal));
  const uint32_t normal = magnitude + (magnitude >= (0x7c00u << 13) ? 0x70000000u : 0x38000000u);
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000) << 16;
  return FloatOf(sign | (magnitude < (0x0400u << 13) ? subnormal : normal));
}

TFMED_INLINE void Narrow(double value, double* out) { *out = value; }

TFMED_INLINE void Narrow(double value, float* out) { *out = static_cast<float>(value); }

TFMED_INLINE void Narrow(float value, float* out) { *out = value; }

// Rounds to the nearest, ties to even; NaN stays NaN.
TFMED_INLINE void Narrow(float value, BFloat16* out) {
  const uint32_t bits = BitsOf(value);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  out->bits = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40 : rounded);
}

// Rounds to the nearest, ties to even; NaN stays NaN, what exceeds 65504 by half a step becomes infinity.
TFMED_INLINE void Narrow(float value, Half* out) {
  const uint32_t bits = BitsOf(value);
  const uint32_t magnitude = bits & 0x7fffffff;
  const uint32_t half_one = 0x3f000000;  // adding 0.5 leaves a subnormal half in the lowest bits, rounded
  const uint32_t subnormal = BitsOf(FloatOf(magnitude) + FloatOf(half_one)) - half_one;
  const uint32_t normal = (magnitude + 0xc8000fff + ((magnitude >> 13) & 1)) >> 13;
  const uint32_t finite = magnitude < 0x38800000 ? subnormal : normal;
  const uint32_t special = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
  const uint32_t sign = (bits >> 16) & 0x8000;
  out->bits = static_cast<uint16_t>(sign | (magnitude >= 0x47800000 ? special : finite));
}

}  // namespace tfmed

#endif  // TFMED_OPS_CC_NUMERIC_H_
