// Loop: one epoll loop on a thread of its own; everything of a connection happens on its loop.
// Public functions: the loop's thread, but for post and stop (any thread).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "tee/inbox.h"

namespace gatetape::gateway {

// Ready is told of a descriptor's epoll events.
class Ready {
 public:
  virtual ~Ready() = default;
  virtual void on_ready(uint32_t events) = 0;
};

// Member is what a loop drives: serviced once after anything happened to it, ticked four times a
// second, and destroyed by the loop as soon as finished() says so.
class Member {
 public:
  virtual ~Member() = default;
  virtual void service() = 0;
  virtual void on_tick(int64_t mono_ns) = 0;
  virtual bool finished() const = 0;
  // shut_down asks for an orderly end with this reason (gateway shutdown).
  virtual void shut_down(const std::string& reason) = 0;

 private:
  friend class Loop;
  bool dirty_ = false;
};

// Guard is a member of an object that answers are sent to. It lets Loop::guarded know whether the
// object still lives. Loop's thread.
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

  // run serves until stop() and every member has finished, or `grace_ns` after stop().
  void run();
  // stop asks every member to shut down; `grace_ns` bounds the wait for them.
  void stop(const std::string& reason, int64_t grace_ns);
  // post runs a task on the loop's thread soon.
  void post(std::function<void()> task);

  // guarded returns a function that any thread may call: it posts `task` to this loop, where the
  // task runs unless the owner of the guard is gone by then.
  template <typename... Args, typename Task>
  std::function<void(Args...)> guarded(const Guard& guard, Task task) {
    return [this, alive = guard.watch(), task](Args... args) {
      post([alive, task, args...] {
        if (!alive.expired()) task(args...);
      });
    };
  }

  // watch sets what epoll reports of a descriptor (0 = nothing, forget it).
  void watch(int fd, uint32_t events, Ready* ready);
  void unwatch(int fd);
  void adopt(std::unique_ptr<Member> member);
  // mark has the member serviced before the loop sleeps again.
  void mark(Member* member);

  // inbox takes the recorder's answers for this loop's sessions.
  tee::Inbox& inbox() { return inbox_; }
  void on_tee_event(uint32_t handle, EventHandler handler) {
    tee_handlers_[handle] = std::move(handler);
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
