#include "gateway/session/session_numbers.h"

#include "base/check.h"

namespace gatetape::gateway {

void SessionNumbers::offer(absl::FunctionRef<void(uint64_t session_no)> open) {
  const absl::MutexLock lock(&mutex_);
  const uint64_t session_no = ++last_;
  open(session_no);
  CHECK(last_ == session_no, last_, session_no);
}

}  // namespace gatetape::gateway
