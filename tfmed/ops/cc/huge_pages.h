// Large outputs in huge pages. An output is often memory that the process has only just got from the kernel, and
// at 4 KB each the page faults of its first touch take longer than all the arithmetic.
#ifndef TFMED_OPS_CC_HUGE_PAGES_H_
#define TFMED_OPS_CC_HUGE_PAGES_H_

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdint>

namespace tfmed {

// Asks for huge pages where the kernel gives them on request; it may decline, and memory that was touched before
// stays as it is. Only pages that lie whole within the memory are affected.
inline void PreferHugePages(void* memory, int64_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kHuge = uintptr_t{2} << 20;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + kHuge - 1) / kHuge * kHuge;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) / kHuge * kHuge;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}

}  // namespace tfmed

#endif  // TFMED_OPS_CC_HUGE_PAGES_H_
