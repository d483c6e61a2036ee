// Where the windows of a pooling lie. Two-dimensional pooling is three-dimensional with a depth of one;
// channels-first tensors are batches of one-channel images.
#ifndef TFMED_OPS_CC_GEOMETRY_H_
#define TFMED_OPS_CC_GEOMETRY_H_

#include <cstdint>

#include "numeric.h"

namespace tfmed {

// One spatial axis. Output o looks at the inputs [Begin(o), End(o)); input i is seen by the outputs
// [First(i), Last(i)), which may be empty where windows leave gaps.
struct Axis {
  int64_t in = 1;
  int64_t out = 1;
  int64_t window = 1;
  int64_t stride = 1;
  int64_t pad = 0;  // padded places before the first input

  TFMED_INLINE int64_t Begin(int64_t o) const {
    const int64_t start = o * stride - pad;
    return start > 0 ? start : 0;
  }
  TFMED_INLINE int64_t End(int64_t o) const {
    const int64_t stop = o * stride - pad + window;
    return stop < in ? stop : in;
  }
  TFMED_INLINE int64_t First(int64_t i) const {
    const int64_t before = i + pad - window;
    return before < 0 ? 0 : before / stride + 1;
  }
  TFMED_INLINE int64_t Last(int64_t i) const {
    const int64_t stop = (i + pad) / stride + 1;
    return stop < out ? stop : out;
  }
};

struct Geometry {
  int64_t batch = 0;
  int64_t channels = 1;
  int64_t channel_block = 1;  // channels that one unit of work handles; the last of a row also takes the rest
  Axis depth, height, width;
  bool mean = false;  // divide by the number of inputs that a window holds

  TFMED_INLINE int64_t ChannelBlocks() const { return channels < channel_block ? 1 : channels / channel_block; }
};

}  // namespace tfmed

#endif  // TFMED_OPS_CC_GEOMETRY_H_
