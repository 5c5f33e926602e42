// HeadsCore: the heads lists of a recorder (docs/FORMAT.md section 9.2): which lists a transaction
// stores, and what was committed that no list names yet. Pure. CommitPolicy owns it.
//
// There are two kinds of lists. The list of a transaction that stores a first frame or a signed
// head names these sessions and no others. All other sessions that advanced are named by a `live`
// list, at most once per second. They are apart because a list of `live` lines may be pruned, and
// the lists with the opening and the close of a session may not.
//
// A run is the time between two openings of the store. A transaction that failed or is in doubt
// ends the run, so that the numbers 1, 2, 3 ... of a run have no hole and none occurs twice,
// whether or not that transaction was stored.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/crypto.h"
#include "log/heads_list.h"
#include "recorder/store.h"

namespace gatetape::recorder {

// Instant is one reading of both clocks. The monotonic clock decides when a list is due, and the
// wall clock is signed.
struct Instant {
  int64_t mono_ns = 0;
  int64_t wall_ns = 0;  // Unix time
};

class HeadsCore {
 public:
  // What is committed is named by a list that is due this much later. It bounds what a crash leaves
  // without a signature, and one list per second is what the log can keep for ever.
  static constexpr int64_t kListEveryNs = 1'000'000'000;

  // `key` signs the entries. It lives longer than this object.
  explicit HeadsCore(const SigningKey* key) : key_(key) {}

  // begin_run starts a run when the store was opened. `run` is kRunBytes random bytes. What is not
  // named yet becomes due in kListEveryNs, so that a store that refuses a list is not asked without
  // a pause.
  void begin_run(std::string run, int64_t mono_ns);
  // stop: from now on a list is due as soon as something was committed that no list names.
  void stop() { stopping_ = true; }
  // due_ns returns the monotonic time at which a `live` list is due, INT64_MAX when nothing is
  // committed that no list names.
  int64_t due_ns() const;
  bool has_unlisted() const { return !unlisted_.empty(); }

  // lists_of returns the lists of a transaction with these writes: none, one or two. The `live`
  // list is among them only when `with_live` is true.
  std::vector<SignedList> lists_of(absl::Span<const SessionWrite> writes, const Instant& now,
                                   bool with_live) const;
  // on_committed accepts that a transaction of these writes and lists is durable. `now` is the time
  // for which its lists were made.
  void on_committed(const Commit& commit, const Instant& now);
  // lists returns the number of lists that were committed since the start.
  uint64_t lists() const { return lists_; }

 private:
  SignedList sign(HeadsList list, uint64_t n, const Instant& now) const;

  const SigningKey* const key_;
  std::string run_;
  uint64_t n_ = 0;                          // the newest number of the run that is committed
  std::map<SessionId, TreeHead> unlisted_;  // bounded by the sessions that advance per second
  int64_t due_ns_ = INT64_MAX;              // of unlisted_
  uint64_t lists_ = 0;
  bool stopping_ = false;
};

}  // namespace gatetape::recorder
