// The CUDA kernels' launchers. `stream` is a cudaStream_t; an error's text, or null, is returned.
#ifndef TFMED_OPS_CC_POOL_CUDA_H_
#define TFMED_OPS_CC_POOL_CUDA_H_

#include "geometry.h"

namespace tfmed::cuda {

template <typename T>
const char* Norm(void* stream, const Geometry& geometry, const T* x, T* y);

template <typename T>
const char* Spread(void* stream, const Geometry& geometry, const T* x, const T* y, const T* dy, T* dx);

template <typename T>
const char* Inner(void* stream, const Geometry& geometry, const T* x, const T* v, const T* y, T* p);

}  // namespace tfmed::cuda

#endif  // TFMED_OPS_CC_POOL_CUDA_H_
