// Runs the CUDA kernels on the host: blocks and threads are loops. Compiled by the tests, with a C++ compiler only.
#include <cmath>
#include <cstdint>

#define __global__ static

struct Index {
  unsigned x = 0;
};
static Index gridDim, blockDim, blockIdx, threadIdx;

namespace tfmed::cuda {
using std::fabs;
using std::isfinite;
using std::sqrt;
}  // namespace tfmed::cuda

#include "pool_kernels.cuh"

namespace {

// Fewer threads than elements in most tests, so that the kernels' strides over the tensor are run too.
template <typename Kernel>
void OverThreads(Kernel kernel) {
  gridDim.x = 3;
  blockDim.x = 32;
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) {
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) kernel();
  }
}

}  // namespace

#define TFMED_EXPORT(NAME, T)                                                                              \
  extern "C" void norm_##NAME(const tfmed::Geometry* g, int64_t size, const T* x, T* y) {                  \
    OverThreads([&] { tfmed::cuda::NormKernel(*g, size, x, y); });                                         \
  }                                                                                                        \
  extern "C" void spread_##NAME(const tfmed::Geometry* g, int64_t size, const T* x, const T* y, const T* dy, T* dx) { \
    OverThreads([&] { tfmed::cuda::SpreadKernel(*g, size, x, y, dy, dx); });                               \
  }                                                                                                        \
  extern "C" void inner_##NAME(const tfmed::Geometry* g, int64_t size, const T* x, const T* v, const T* y, T* p) { \
    OverThreads([&] { tfmed::cuda::InnerKernel(*g, size, x, v, y, p); });                                  \
  }

TFMED_EXPORT(float16, tfmed::Half)
TFMED_EXPORT(bfloat16, tfmed::BFloat16)
TFMED_EXPORT(float32, float)
TFMED_EXPORT(float64, double)
