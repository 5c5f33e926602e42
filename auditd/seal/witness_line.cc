#include "auditd/seal/witness_line.h"

#include <chrono>
#include <utility>

#include "base/os/http_client.h"
#include "log/note.h"

namespace gatetape::auditd {
namespace {

// A witness that has not answered within this time, in ms, counts as down.
constexpr uint32_t kTimeoutMs = 5000;

}  // namespace

WitnessLine::WitnessLine(Options options)
    : options_(std::move(options)), turn_(options_.key, options_.url), thread_([this] { run(); }) {}

WitnessLine::~WitnessLine() {
  pause_.end();
  thread_.join();
}

void WitnessLine::send(std::string body) {
  {
    const absl::MutexLock lock(&mutex_);
    request_ = std::move(body);
  }
  pause_.wake();
}

std::optional<WitnessReply> WitnessLine::take_reply() {
  const absl::MutexLock lock(&mutex_);
  return std::exchange(reply_, std::nullopt);
}

void WitnessLine::run() {
  while (!pause_.wait(std::chrono::hours(1))) {
    std::optional<std::string> body;
    {
      const absl::MutexLock lock(&mutex_);
      body = std::exchange(request_, std::nullopt);
    }
    if (!body) continue;
    WitnessReply reply = post(*body);
    {
      const absl::MutexLock lock(&mutex_);
      reply_ = std::move(reply);
    }
    options_.on_reply();
  }
}

WitnessReply WitnessLine::post(const std::string& body) const {
  HttpRequest request;
  request.url = options_.url + "/add-checkpoint";
  request.body = body;
  request.content_type = "text/plain; charset=utf-8";
  request.timeout_ms = kTimeoutMs;
  request.response_bytes_max = kNoteBytesMax;
  const absl::StatusOr<HttpResponse> response = http_post(request);
  if (!response.ok()) return {0, "", std::string(response.status().message())};
  return {response->status, response->content_type, response->body};
}

}  // namespace gatetape::auditd
