// Chooses the instruction set when the library is loaded. TFMED_OPS_ISA=baseline|avx2|avx512 in the
// environment forces one that the machine has, for tests and measurements.
#include <cstdlib>
#include <cstring>

#include "pool_rows.h"

namespace tfmed {

#define TFMED_DECLARE(ISA)                             \
  namespace ISA {                                      \
  extern const RowKernels<Half> half_kernels;          \
  extern const RowKernels<BFloat16> bfloat16_kernels;  \
  extern const RowKernels<float> float_kernels;        \
  extern const RowKernels<double> double_kernels;      \
  }

TFMED_DECLARE(baseline)
#ifdef __x86_64__
TFMED_DECLARE(avx2)
TFMED_DECLARE(avx512)
#endif

namespace {

struct InstructionSet {
  const char* name;
  const RowKernels<Half>* half_kernels;
  const RowKernels<BFloat16>* bfloat16_kernels;
  const RowKernels<float>* float_kernels;
  const RowKernels<double>* double_kernels;
};

#define TFMED_SET(ISA) \
  {#ISA, &ISA::half_kernels, &ISA::bfloat16_kernels, &ISA::float_kernels, &ISA::double_kernels}

InstructionSet Choose() {
#ifdef __x86_64__
  const char* forced = std::getenv("TFMED_OPS_ISA");
  const auto allowed = [forced](const char* name) { return !forced || std::strcmp(forced, name) == 0; };
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && allowed("avx512")) return TFMED_SET(avx512);
  if (avx2 && allowed("avx2")) return TFMED_SET(avx2);
#endif
  return TFMED_SET(baseline);
}

const InstructionSet& Best() {
  static const InstructionSet best = Choose();
  return best;
}

}  // namespace

template <>
const RowKernels<Half>& BestRowKernels<Half>() { return *Best().half_kernels; }
template <>
const RowKernels<BFloat16>& BestRowKernels<BFloat16>() { return *Best().bfloat16_kernels; }
template <>
const RowKernels<float>& BestRowKernels<float>() { return *Best().float_kernels; }
template <>
const RowKernels<double>& BestRowKernels<double>() { return *Best().double_kernels; }

const char* BestInstructionSet() { return Best().name; }

// Two buffers that fit the cache, or two of one window's columns where these are larger.
int64_t ScratchBytes(const Geometry& geometry) {
  const int64_t most = 2 * geometry.channel_block;  // with the rest of a row
  const int64_t run = geometry.channels < most ? geometry.channels : most;
  const int64_t window = (geometry.width.window + geometry.width.stride + 2) * run * 8;
  return 2 * (kBufferBytes + window);
}

}  // namespace tfmed
