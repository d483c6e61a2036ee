// Reads an op's attributes and works out where windows lie; shape inference and kernels share it, and with it
// their error messages.
#ifndef TFMED_OPS_CC_POOL_SHAPE_H_
#define TFMED_OPS_CC_POOL_SHAPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "geometry.h"

namespace tfmed {

constexpr int64_t kUnknown = -1;

struct PoolAttributes {
  std::vector<int32_t> ksize, strides;  // one number a spatial axis; a window of -1 is the whole axis
  std::string padding, mode, data_format;

  bool ChannelsFirst() const { return data_format == "NCHW" || data_format == "NCDHW"; }

  int Rank() const { return static_cast<int>(data_format.size()); }

  absl::Status Validate() const;

  // The shape of the output; unknown extents are kUnknown and stay so.
  absl::Status OutputShape(absl::Span<const int64_t> input, std::vector<int64_t>* output) const;

  // `input` must be fully known. `threads` is how many workers there are to share a small batch.
  absl::Status Layout(absl::Span<const int64_t> input, int threads, Geometry* geometry) const;
};

// An error that names both shapes unless they agree where both are known.
absl::Status SameShape(const char* what, absl::Span<const int64_t> expected, absl::Span<const int64_t> found);

}  // namespace tfmed

#endif  // TFMED_OPS_CC_POOL_SHAPE_H_
