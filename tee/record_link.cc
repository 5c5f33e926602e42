#include "tee/record_link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/os/daemon.h"
#include "base/os/record_channel.h"
#include "gatetape/record/v1/record.grpc.pb.h"

namespace gatetape::tee {
namespace {

constexpr std::chrono::milliseconds kBackoffMin(20);
constexpr std::chrono::milliseconds kBackoffMax(500);
constexpr std::chrono::milliseconds kWatchEvery(250);

using record::v1::RecorderService;
using record::v1::RecordRequest;
using record::v1::RecordResponse;

// Retries are ours; keepalive finds a frozen recorder; BDP off keeps its buffers small.
std::shared_ptr<grpc::Channel> dial(const std::string& endpoint, const TlsConfig& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 2000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return grpc::CreateCustomChannel(endpoint, record_credentials(endpoint, tls), arguments);
}

}  // namespace

RecordLink::RecordLink(Options options)
    : options_(std::move(options)), writer_([this] { run(); }), watchdog_([this] { watch(); }) {}

RecordLink::~RecordLink() { stop(); }

void RecordLink::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.Signal();
  }
  stopped_.end();
  if (writer_.joinable()) writer_.join();
  if (watchdog_.joinable()) watchdog_.join();
}

uint32_t RecordLink::open(const SessionId& session, const std::string& commit_key,
                          EventSink* sink) {
  const absl::MutexLock lock(&mutex_);
  const uint32_t handle = next_handle_++;
  spool_.open(handle, session, commit_key);
  sinks_[handle] = sink;
  return handle;
}

void RecordLink::add(uint32_t handle, FramePtr frame) {
  const absl::MutexLock lock(&mutex_);
  spool_.add(handle, std::move(frame));
  work_ = true;
  changed_.Signal();
}

void RecordLink::close(uint32_t handle, FramePtr last, CloseItem close) {
  const absl::MutexLock lock(&mutex_);
  spool_.add(handle, std::move(last));
  spool_.close(handle, std::move(close));
  work_ = true;
  changed_.Signal();
}

void RecordLink::forget(uint32_t handle) {
  const absl::MutexLock lock(&mutex_);
  spool_.forget(handle);
  sinks_.erase(handle);
}

size_t RecordLink::unacknowledged() {
  const absl::MutexLock lock(&mutex_);
  return spool_.unacknowledged();
}

std::string RecordLink::last_error() {
  const absl::MutexLock lock(&mutex_);
  return error_;
}

void RecordLink::run() {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (const std::string& endpoint : options_.endpoints) {
    channels.push_back(dial(endpoint, options_.tls));
    channels.back()->GetState(true);  // a warm standby
  }
  std::chrono::milliseconds backoff = kBackoffMin;
  for (size_t at = 0;; at = (at + 1) % channels.size()) {
    const auto deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(300);
    const bool answered = channels[at]->WaitForConnected(deadline) && serve(channels[at]);
    {
      const absl::MutexLock lock(&mutex_);
      if (stop_) return;
      if (!answered) error_ = "no recorder answers at " + options_.endpoints[at];
    }
    backoff = answered ? kBackoffMin : std::min(backoff * 2, kBackoffMax);
    stopped_.wait(backoff);
  }
}

// Runs one stream to its end. True when the recorder answered at least once.
bool RecordLink::serve(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = RecorderService::NewStub(channel);
  grpc::ClientContext context;
  {
    const absl::MutexLock lock(&mutex_);
    if (stop_) return false;
    context_ = &context;
    stream_dead_ = false;
    draining_ = false;
    spool_.start_stream();
    work_ = true;
    progress_ns_ = system_clock().mono_ns();
  }
  const auto stream = stub->Record(&context);
  bool answered = false;
  std::thread reader([&] {
    RecordResponse response;
    while (stream->Read(&response)) {
      if (!std::exchange(answered, true)) {
        log_info("recorder_connected");
        connected_ = true;
        const absl::MutexLock lock(&mutex_);
        error_.clear();
      }
      on_response(response);
    }
    const absl::MutexLock lock(&mutex_);
    stream_dead_ = true;
    changed_.Signal();
  });
  RecordRequest request;
  bool drain = false;
  for (;;) {
    request.Clear();
    {
      const absl::MutexLock lock(&mutex_);
      while (!stop_ && !stream_dead_ && !draining_ && !work_) changed_.Wait(&mutex_);
      if (stop_ || stream_dead_ || draining_) {
        drain = draining_ && !stop_ && !stream_dead_;
        break;
      }
      if (!spool_.outstanding()) progress_ns_ = system_clock().mono_ns();
      work_ = spool_.fill(&request);
      if (!work_) continue;
    }
    if (!stream->Write(request, grpc::WriteOptions().set_no_compression())) break;
  }
  if (drain) {
    stream->WritesDone();
  } else {
    context.TryCancel();
  }
  reader.join();
  const grpc::Status status = stream->Finish();
  connected_ = false;
  const absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  error_ = status.ok() ? "the recorder ended the stream" : status.error_message();
  if (!stop_) log_warn("recorder_lost", {{"reason", error_}});
  return answered;
}

// Delivers after the lock is gone: a sink may be waiting for this link with its own lock held.
void RecordLink::on_response(const RecordResponse& response) {
  std::map<EventSink*, std::vector<TeeEvent>> deliveries;
  {
    std::vector<TeeEvent> events;
    const absl::MutexLock lock(&mutex_);
    progress_ns_ = system_clock().mono_ns();
    const bool ok = spool_.on_response(response, &events);
    if (response.draining()) draining_ = true;
    if (!ok && context_ != nullptr) context_->TryCancel();
    work_ = true;
    changed_.Signal();
    for (TeeEvent& event : events) {
      const auto it = sinks_.find(event.handle);
      if (it == sinks_.end()) continue;
      EventSink* sink = it->second;
      if (event.type == TeeEvent::Type::kClosed) sinks_.erase(it);
      deliveries[sink].push_back(std::move(event));
    }
  }
  for (auto& [sink, batch] : deliveries) sink->deliver(std::move(batch));
}

// Keepalive proves only that the peer's transport lives, not that it commits; and the writer may be
// blocked in Write. Each stall doubles the patience, so that a slow commit is not thrown away for
// ever.
void RecordLink::watch() {
  int64_t patience_ms = options_.ack_stall_ms;
  for (;;) {
    stopped_.wait(kWatchEvery);
    const absl::MutexLock lock(&mutex_);
    if (stop_) return;
    const int64_t now = system_clock().mono_ns();
    if (!spool_.outstanding()) {
      progress_ns_ = now;
      if (connected_) patience_ms = options_.ack_stall_ms;
    } else if (context_ != nullptr && now - progress_ns_ > patience_ms * 1'000'000) {
      log_warn("recorder_stalled", {{"waited_ms", std::to_string(patience_ms)}});
      context_->TryCancel();
      progress_ns_ = now;
      patience_ms = std::min<int64_t>(patience_ms * 2, 30'000);
    }
  }
}

}  // namespace gatetape::tee
