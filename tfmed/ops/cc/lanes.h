// Vectors of numbers, as wide as the registers of the instruction set that is built for. Only for files that are
// compiled once for each instruction set: all is forced inline.
#ifndef TFMED_OPS_CC_LANES_H_
#define TFMED_OPS_CC_LANES_H_

#include <cstdint>

#include "numeric.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace tfmed {

#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64;
#elif defined(__AVX__)
constexpr int kRegisterBytes = 32;
#else
constexpr int kRegisterBytes = 16;
#endif

// What elements of type T are summed in. A float32 goes into float64: none of its squares overflows or vanishes
// there, and no window is too long for the rounding to matter. Half types are summed in float32. A Part is what
// few elements, kPart at most, may be summed in first: float32 for float32, which takes half the instructions.
template <typename T>
struct Wide {
  using Sum = float;
  using Part = float;
};
template <>
struct Wide<float> {
  using Sum = double;
  using Part = float;
};
template <>
struct Wide<double> {
  using Sum = double;
  using Part = double;
};

// Each addition of squares adds half a step, 2^-24, of relative error at most, and a root halves it.
constexpr int64_t kPart = 16;

// One register of sums, and vectors with as many lanes of what is stored or converted.
template <typename S>
struct Vector {
  static constexpr int kLanes = kRegisterBytes / sizeof(S);
  typedef S Sums __attribute__((vector_size(kRegisterBytes)));
  typedef float Floats __attribute__((vector_size(kLanes * 4)));
  typedef uint32_t Words __attribute__((vector_size(kLanes * 4)));
  typedef uint16_t Shorts __attribute__((vector_size(kLanes * 2)));
};

template <typename T>
using Sums = typename Vector<typename Wide<T>::Sum>::Sums;

template <typename T>
constexpr int kLanes = Vector<typename Wide<T>::Sum>::kLanes;

// A register's worth of bfloat16 widened, those of even places apart from those of odd ones: a shift and a mask,
// where to widen them in their order takes a shuffle for every register of float32, and so does the way back.
struct EvenAndOdd {
  Vector<float>::Sums even, odd;

  TFMED_INLINE EvenAndOdd operator*(const EvenAndOdd& other) const { return {even * other.even, odd * other.odd}; }
  TFMED_INLINE EvenAndOdd operator*(float factor) const { return {even * factor, odd * factor}; }
  TFMED_INLINE void operator+=(const EvenAndOdd& other) {
    even += other.even;
    odd += other.odd;
  }
};

// What a loop adds up at once: a register of parts, or two.
template <typename T>
struct PartsOf {
  using Type = typename Vector<typename Wide<T>::Part>::Sums;
};
template <>
struct PartsOf<BFloat16> {
  using Type = EvenAndOdd;
};

template <typename T>
using Parts = typename PartsOf<T>::Type;

template <typename T>
constexpr int kPartLanes = sizeof(Parts<T>) / sizeof(typename Wide<T>::Part);

template <typename V, typename T>
TFMED_INLINE V LoadBits(const T* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}

// Compilers convert between vectors of different widths piece by piece, so the widening loads, which every input
// passes through, name the instruction where there is one.
#if defined(__AVX512F__)
TFMED_INLINE Vector<double>::Sums WidenFloats(const float* from) { return _mm512_cvtps_pd(_mm256_loadu_ps(from)); }
TFMED_INLINE Vector<float>::Words WidenShorts(const void* from) {
  return Cast<Vector<float>::Words>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(from))));
}
TFMED_INLINE Vector<float>::Sums WidenHalves(const void* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(from)));
}
TFMED_INLINE Vector<float>::Shorts NarrowHalves(Vector<float>::Sums value) {
  return Cast<Vector<float>::Shorts>(_mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
}
#elif defined(__AVX2__)
TFMED_INLINE Vector<double>::Sums WidenFloats(const float* from) { return _mm256_cvtps_pd(_mm_loadu_ps(from)); }
TFMED_INLINE Vector<float>::Words WidenShorts(const void* from) {
  return Cast<Vector<float>::Words>(_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(from))));
}
TFMED_INLINE Vector<float>::Sums WidenHalves(const void* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(from)));
}
TFMED_INLINE Vector<float>::Shorts NarrowHalves(Vector<float>::Sums value) {
  return Cast<Vector<float>::Shorts>(_mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
}
#else
TFMED_INLINE Vector<double>::Sums WidenFloats(const float* from) {
  return __builtin_convertvector(LoadBits<Vector<double>::Floats>(from), Vector<double>::Sums);
}
TFMED_INLINE Vector<float>::Words WidenShorts(const void* from) {
  return __builtin_convertvector(LoadBits<Vector<float>::Shorts>(from), Vector<float>::Words);
}
TFMED_INLINE Vector<float>::Sums WidenHalves(const void* from) {
  return WidenHalf<Vector<float>::Sums>(WidenShorts(from));
}
TFMED_INLINE Vector<float>::Shorts NarrowHalves(Vector<float>::Sums value) {
  return __builtin_convertvector(NarrowHalf<Vector<float>::Words>(value), Vector<float>::Shorts);
}
#endif

TFMED_INLINE Sums<double> Load(const double* from) { return LoadBits<Sums<double>>(from); }
TFMED_INLINE Sums<float> Load(const float* from) { return WidenFloats(from); }
TFMED_INLINE Sums<Half> Load(const Half* from) { return WidenHalves(from); }
TFMED_INLINE Sums<BFloat16> Load(const BFloat16* from) { return Cast<Sums<BFloat16>>(WidenShorts(from) << 16); }

template <typename V, typename T>
TFMED_INLINE void StoreBits(V value, T* to) {
  __builtin_memcpy(to, &value, sizeof(value));
}

// Sums as they are stored.
TFMED_INLINE Sums<double> Pack(Sums<double> value, double*) { return value; }
TFMED_INLINE Vector<double>::Floats Pack(Sums<float> value, float*) {
  return __builtin_convertvector(value, Vector<double>::Floats);
}
TFMED_INLINE Vector<float>::Shorts Pack(Sums<Half> value, Half*) { return NarrowHalves(value); }
TFMED_INLINE Vector<float>::Shorts Pack(Sums<BFloat16> value, BFloat16*) {
  using V = Vector<float>;
  return __builtin_convertvector(NarrowBFloat16<V::Words>(value), V::Shorts);
}

template <typename V, typename T>
TFMED_INLINE void Store(V value, T* to) {
  StoreBits(Pack(value, to), to);
}

// Past the caches, to a place aligned to the size of the value; EndStreams makes it seen by other threads.
template <typename V, typename T>
TFMED_INLINE void StreamBits(V value, T* to) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64) return _mm512_stream_ps(reinterpret_cast<float*>(to), Cast<__m512>(value));
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32) return _mm256_stream_ps(reinterpret_cast<float*>(to), Cast<__m256>(value));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16) return _mm_stream_ps(reinterpret_cast<float*>(to), Cast<__m128>(value));
#endif
  StoreBits(value, to);
}

template <bool kStream, typename V, typename T>
TFMED_INLINE void PutBits(V value, T* to) {
  kStream ? StreamBits(value, to) : StoreBits(value, to);
}

TFMED_INLINE void EndStreams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

TFMED_INLINE double SquareRoot(double value) { return __builtin_sqrt(value); }
TFMED_INLINE float SquareRoot(float value) { return __builtin_sqrtf(value); }

// There is no operator for roots; the loops become vector instructions.
TFMED_INLINE Sums<double> SquareRoot(Sums<double> value) {
  for (int i = 0; i < kLanes<double>; ++i) value[i] = __builtin_sqrt(value[i]);
  return value;
}
TFMED_INLINE Sums<Half> SquareRoot(Sums<Half> value) {
  for (int i = 0; i < kLanes<Half>; ++i) value[i] = __builtin_sqrtf(value[i]);
  return value;
}

TFMED_INLINE EvenAndOdd SquareRoot(EvenAndOdd value) { return {SquareRoot(value.even), SquareRoot(value.odd)}; }

// Whether elements of type T are added up in parts that are narrower than their sums: float32 in float32.
template <typename T>
constexpr bool kNarrowParts = sizeof(typename Wide<T>::Part) < sizeof(typename Wide<T>::Sum);

template <typename T>
TFMED_INLINE Parts<T> LoadParts(const T* from) {
  if constexpr (kNarrowParts<T>) {
    return LoadBits<Parts<T>>(from);
  } else {
    return Load(from);
  }
}

TFMED_INLINE EvenAndOdd LoadParts(const BFloat16* from) {
  using V = Vector<float>;
  const V::Words pairs = LoadBits<V::Words>(from);
  return {Cast<V::Sums>(pairs << 16), Cast<V::Sums>(pairs & 0xffff0000u)};
}

TFMED_INLINE Vector<float>::Words Pack(EvenAndOdd value, BFloat16*) {
  using Words = Vector<float>::Words;
  return NarrowBFloat16<Words>(value.even) | NarrowBFloat16<Words>(value.odd) << 16;
}

// Parts as they are stored.
template <typename T>
TFMED_INLINE auto PackParts(Parts<T> value, T* to) {
  if constexpr (kNarrowParts<T>) {
    return value;
  } else {
    return Pack(value, to);
  }
}

// sums_i (+)= part_i.
template <bool kFirst, typename T>
TFMED_INLINE void Fold(Parts<T> part, typename Wide<T>::Sum* sums) {
  typename Wide<T>::Part held[kPartLanes<T>];
  StoreBits(part, held);
  for (int i = 0; i < kPartLanes<T>; i += kLanes<T>) {
    Sums<T> value;
    if constexpr (kNarrowParts<T>) {
      value = Load(held + i);
    } else {
      value = LoadBits<Sums<T>>(held + i);
    }
    StoreBits(kFirst ? value : LoadBits<Sums<T>>(sums + i) + value, sums + i);
  }
}

// The sums as a vector of parts.
template <typename T>
TFMED_INLINE Parts<T> Unfold(const typename Wide<T>::Sum* sums) {
  if constexpr (kNarrowParts<T>) {
    typename Wide<T>::Part held[kPartLanes<T>];
    for (int i = 0; i < kPartLanes<T>; i += kLanes<T>) Store(LoadBits<Sums<T>>(sums + i), held + i);
    return LoadBits<Parts<T>>(held);
  } else {
    return LoadBits<Parts<T>>(sums);
  }
}

using Words = Vector<float>::Words;

// Whether every lane, all ones or all zeros, is all ones.
TFMED_INLINE bool AllTrue(Words lanes) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(Cast<__m512i>(lanes)) == 0xffff;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(Cast<__m256>(lanes)) == 0xff;
#else
  uint32_t all = lanes[0];
  for (int i = 1; i < kLanes<Half>; ++i) all &= lanes[i];
  return all != 0;
#endif
}

TFMED_INLINE Vector<float>::Sums Absolute(Vector<float>::Sums value) {
  return Cast<Vector<float>::Sums>(Cast<Words>(value) & 0x7fffffffu);
}

// The lanes where a float32 sum of squares can be trusted: no square can have overflowed, nor lost digits that
// matter below the normal range, or all that was added is 0; `seen` holds the bits of it.
TFMED_INLINE Words Trusted(Vector<float>::Sums sum, Words seen) {
  return Cast<Words>((sum >= 0x1p-70f) & (sum <= 0x1p120f)) | Cast<Words>((seen << 1) == 0);
}

}  // namespace tfmed

#endif  // TFMED_OPS_CC_LANES_H_
