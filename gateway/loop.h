// Loop: one epoll loop on a thread of its own. Everything about a connection happens on the thread
// of its loop. post, stop and on_rules_changed may be called on any thread, all other functions on
// the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/clock.h"
#include "tee/inbox.h"

namespace gatetape::gateway {

// Ready accepts the epoll events of a descriptor.
class Ready {
 public:
  virtual ~Ready() = default;
  virtual void on_ready(uint32_t events) = 0;
};

// Member is an object that a loop owns and runs. The loop calls service() after the member was
// marked and on_tick() four times per second, and destroys the member when finished() returns true.
class Member {
 public:
  virtual ~Member() = default;
  virtual void service() = 0;
  virtual void on_tick(int64_t mono_ns) = 0;
  virtual bool finished() const = 0;
  // shut_down starts an orderly end of the member with this reason, because the gateway stops.
  virtual void shut_down(const std::string& reason) = 0;
  // on_rules_changed is called when new access rules are in force.
  virtual void on_rules_changed() {}

 private:
  friend class Loop;
  bool dirty_ = false;
};

// Guard is a member of an object that receives answers. By it Loop::guarded checks whether the
// object still exists. Loop's thread.
class Guard {
 public:
  std::weak_ptr<const bool> watch() const { return alive_; }

 private:
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

class Loop {
 public:
  using EventHandler = std::function<void(const tee::TeeEvent&)>;

  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // run runs the loop until stop() was called and every member has finished, at most until
  // `grace_ns` after stop().
  void run();
  // stop starts the shutdown of every member. `grace_ns` limits how long run waits for them.
  void stop(const std::string& reason, int64_t grace_ns);
  // post sends a task to the loop's thread, which runs the tasks in the order of the calls.
  void post(std::function<void()> task);

  // guarded returns a function that any thread may call. It posts `task` to this loop, which runs
  // the task unless the owner of the guard has been destroyed by then.
  template <typename... Args, typename Task>
  std::function<void(Args...)> guarded(const Guard& guard, Task task) {
    return [this, alive = guard.watch(), task](Args... args) {
      post([alive, task, args...] {
        if (!alive.expired()) task(args...);
      });
    };
  }

  // on_rules_changed calls it on every member, on the loop's thread. Any thread.
  void on_rules_changed();

  // watch starts to report these epoll events of a descriptor to `ready`, which is not owned. A
  // second call for the descriptor replaces both.
  void watch(int fd, uint32_t events, Ready* ready);
  // unwatch stops reporting events of a descriptor; call it before the descriptor is closed.
  void unwatch(int fd);
  // adopt accepts a new member, and marks it.
  void adopt(std::unique_ptr<Member> member);
  // mark makes the loop service the member before it waits for events again.
  void mark(Member* member);

  // inbox returns the queue of the recorder's answers to the sessions of this loop.
  // on_tee_event sets the handler for the answers to one session, which drop_tee_events removes.
  tee::Inbox& inbox() { return inbox_; }
  void on_tee_event(uint32_t handle, EventHandler handler) {
    const bool added = tee_handlers_.emplace(handle, std::move(handler)).second;
    CHECK(added, handle);
  }
  void drop_tee_events(uint32_t handle) { tee_handlers_.erase(handle); }

  const Clock& clock() const { return clock_; }

 private:
  void wait_and_dispatch();
  void deliver_tee_events();
  void run_posted();
  void service_marked();
  void reap();
  void tick();
  bool done() const;

  const Clock& clock_;
  int epoll_fd_;
  int wake_fd_;
  tee::Inbox inbox_;
  std::map<int, Ready*> watched_;
  std::map<uint32_t, EventHandler> tee_handlers_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Member*> marked_;
  int64_t next_tick_ns_ = 0;
  bool stopping_ = false;
  int64_t stop_at_ns_ = 0;
  absl::Mutex mutex_;
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::gateway
