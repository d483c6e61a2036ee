// Launches the CUDA kernels on TensorFlow's stream.
#include <cuda_runtime.h>

#include "pool_cuda.h"
#include "pool_kernels.cuh"

namespace tfmed::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = 65536;

int Blocks(int64_t size) {
  const int64_t blocks = (size + kThreads - 1) / kThreads;
  return static_cast<int>(blocks < kMostBlocks ? blocks : kMostBlocks);
}

int64_t Inputs(const Geometry& g) { return g.batch * g.depth.in * g.height.in * g.width.in * g.channels; }

int64_t Outputs(const Geometry& g) { return g.batch * g.depth.out * g.height.out * g.width.out * g.channels; }

const char* Failure() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace

template <typename T>
const char* Norm(void* stream, const Geometry& g, const T* x, T* y) {
  const int64_t size = Outputs(g);
  NormKernel<<<Blocks(size), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(g, size, x, y);
  return Failure();
}

template <typename T>
const char* Spread(void* stream, const Geometry& g, const T* x, const T* y, const T* dy, T* dx) {
  const int64_t size = Inputs(g);
  SpreadKernel<<<Blocks(size), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(g, size, x, y, dy, dx);
  return Failure();
}

template <typename T>
const char* Inner(void* stream, const Geometry& g, const T* x, const T* v, const T* y, T* p) {
  const int64_t size = Outputs(g);
  InnerKernel<<<Blocks(size), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(g, size, x, v, y, p);
  return Failure();
}

#define TFMED_INSTANTIATE(T)                                                                          \
  template const char* Norm<T>(void*, const Geometry&, const T*, T*);                                 \
  template const char* Spread<T>(void*, const Geometry&, const T*, const T*, const T*, T*);           \
  template const char* Inner<T>(void*, const Geometry&, const T*, const T*, const T*, T*)

TFMED_INSTANTIATE(Half);
TFMED_INSTANTIATE(BFloat16);
TFMED_INSTANTIATE(float);
TFMED_INSTANTIATE(double);

}  // namespace tfmed::cuda
