#include "pool_shape.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tfmed {
namespace {

std::string Text(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", ", [](std::string* out, int64_t extent) {
    absl::StrAppend(out, extent == kUnknown ? "?" : absl::StrCat(extent));
  }), "]");
}

absl::Status MakeAxis(const PoolAttributes& a, int i, int64_t in, Axis* axis) {
  axis->in = in;
  axis->stride = a.strides[i];
  if (a.ksize[i] == -1) {
    if (in == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("a window over the whole of spatial axis ", i, " needs at least one element there, got 0"));
    }
    axis->window = in;
    axis->out = 1;
    axis->pad = 0;
    return absl::OkStatus();
  }
  axis->window = a.ksize[i];
  if (in == kUnknown) {
    axis->out = kUnknown;
  } else if (a.padding == "SAME") {
    axis->out = (in + axis->stride - 1) / axis->stride;
    axis->pad = std::max<int64_t>(0, (axis->out - 1) * axis->stride + axis->window - in) / 2;
  } else if (axis->window > in) {
    return absl::InvalidArgumentError(absl::StrCat("window of ", axis->window, " is larger than the input's ", in,
                                                   " along spatial axis ", i, " with VALID padding"));
  } else {
    axis->out = (in - axis->window) / axis->stride + 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PoolAttributes::Validate() const {
  const size_t axes = data_format.size() - 2;
  if (ksize.size() != axes || strides.size() != axes) {
    return absl::InvalidArgumentError(absl::StrCat("ksize and strides need ", axes, " values each for ", data_format,
                                                   ", got [", absl::StrJoin(ksize, ", "), "] and [",
                                                   absl::StrJoin(strides, ", "), "]"));
  }
  for (size_t i = 0; i < axes; ++i) {
    if (ksize[i] < 1 && ksize[i] != -1) {
      return absl::InvalidArgumentError(
          absl::StrCat("windows must be positive, or -1 for a whole axis, got ksize [", absl::StrJoin(ksize, ", "), "]"));
    }
    if (strides[i] < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("strides must be positive, got [", absl::StrJoin(strides, ", "), "]"));
    }
  }
  return absl::OkStatus();
}

absl::Status PoolAttributes::OutputShape(absl::Span<const int64_t> input, std::vector<int64_t>* output) const {
  if (static_cast<int>(input.size()) != Rank()) {
    return absl::InvalidArgumentError(
        absl::StrCat(data_format, " needs an input of rank ", Rank(), ", got shape ", Text(input)));
  }
  output->assign(input.begin(), input.end());
  const int first = ChannelsFirst() ? 2 : 1;
  for (int i = 0; i < Rank() - 2; ++i) {
    Axis axis;
    if (absl::Status status = MakeAxis(*this, i, input[first + i], &axis); !status.ok()) return status;
    (*output)[first + i] = axis.out;
  }
  return absl::OkStatus();
}

absl::Status PoolAttributes::Layout(absl::Span<const int64_t> input, int threads, Geometry* geometry) const {
  if (static_cast<int>(input.size()) != Rank()) {
    std::vector<int64_t> ignored;
    return OutputShape(input, &ignored);
  }
  *geometry = Geometry();
  const int axes = Rank() - 2;
  const int first = ChannelsFirst() ? 2 : 1;
  Axis* const slots[3] = {&geometry->depth, &geometry->height, &geometry->width};
  for (int i = 0; i < axes; ++i) {
    if (absl::Status status = MakeAxis(*this, i, input[first + i], slots[3 - axes + i]); !status.ok()) return status;
  }
  const int64_t channels = input[ChannelsFirst() ? 1 : Rank() - 1];
  geometry->batch = ChannelsFirst() ? input[0] * channels : input[0];
  geometry->channels = ChannelsFirst() ? 1 : channels;
  geometry->mean = mode == "rms";
  // Whole rows are contiguous and fastest; few rows are cut by channels so that every thread has work.
  constexpr int64_t kLine = 64;
  const int64_t rows = geometry->batch * geometry->depth.out * geometry->height.out;
  const int64_t wanted = rows > 0 ? std::max<int64_t>(1, 4 * threads / rows) : 1;
  const int64_t lines = std::max<int64_t>(1, geometry->channels / kLine);
  const int64_t blocks = threads > 1 ? std::min(wanted, lines) : 1;
  geometry->channel_block = std::max<int64_t>(1, geometry->channels / blocks / kLine) * kLine;
  return absl::OkStatus();
}

absl::Status SameShape(const char* what, absl::Span<const int64_t> expected, absl::Span<const int64_t> found) {
  bool same = expected.size() == found.size();
  for (size_t i = 0; same && i < expected.size(); ++i) {
    same = expected[i] == found[i] || expected[i] == kUnknown || found[i] == kUnknown;
  }
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " must have shape ", Text(expected), ", got ", Text(found)));
}

}  // namespace tfmed
