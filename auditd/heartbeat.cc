#include "auditd/heartbeat.h"

#include <utility>

namespace gatetape::auditd {

Heartbeat::Heartbeat(Options options)
    : options_(std::move(options)), thread_([this] {
        while (!pause_.wait(options_.period)) options_.beat();
      }) {}

Heartbeat::~Heartbeat() {
  pause_.end();
  thread_.join();
}

}  // namespace gatetape::auditd
