#include "tee/record_link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/os/daemon.h"
#include "base/os/grpc_values.h"
#include "base/os/record_channel.h"
#include "gatetape/record/v1/record.grpc.pb.h"

namespace gatetape::tee {
namespace {

// Pause before the next recorder is tried: it doubles from the least to the most, and starts again
// when a recorder has answered.
constexpr std::chrono::milliseconds kBackoffMin(20);
constexpr std::chrono::milliseconds kBackoffMax(500);
// How long one recorder may take to accept a connection before the next one is tried.
constexpr std::chrono::milliseconds kConnectMax(300);
// Time between two checks of the watchdog: a twentieth of the usual ack_stall_ms.
constexpr std::chrono::milliseconds kWatchEvery(250);
// Each stall doubles the patience up to this limit, so that a store that is slow, and not dead, is
// not dropped again and again before it can acknowledge.
constexpr std::chrono::milliseconds kPatienceMax(30'000);

using record::v1::RecorderService;
using record::v1::RecordRequest;
using record::v1::RecordResponse;

// dial returns a channel that does not retry (this class does), that finds a frozen recorder by
// keepalive, and whose buffers stay small (no BDP probe).
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
    : options_(std::move(options)), writer_([this] { run(); }), watchdog_([this] { watch(); }) {
  CHECK(!options_.endpoints.empty());
}

RecordLink::~RecordLink() { stop(); }

void RecordLink::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    cancel();
    changed_.Signal();
  }
  stopped_.end();
  if (writer_.joinable()) writer_.join();
  if (watchdog_.joinable()) watchdog_.join();
  const absl::MutexLock lock(&mutex_);
  CHECK(stream_ == Stream::kNone, static_cast<int>(stream_));
}

uint32_t RecordLink::open(const SessionId& session, const std::string& commit_key,
                          EventSink* sink) {
  const absl::MutexLock lock(&mutex_);
  const uint32_t handle = next_handle_++;
  spool_.open(handle, session, commit_key);
  const bool is_new = sinks_.emplace(handle, sink).second;
  CHECK(is_new && sinks_.size() <= handle, handle, sinks_.size());
  return handle;
}

void RecordLink::add(uint32_t handle, FramePtr frame) {
  const absl::MutexLock lock(&mutex_);
  CHECK(handle < next_handle_, handle, next_handle_);
  spool_.add(handle, std::move(frame));
  has_work();
}

void RecordLink::close(uint32_t handle, FramePtr last, CloseItem close) {
  CHECK(close.size == last->frame.seq && close.root == last->root, close.size, last->frame.seq);
  const absl::MutexLock lock(&mutex_);
  spool_.add(handle, std::move(last));
  spool_.close(handle, std::move(close));
  has_work();
}

void RecordLink::forget(uint32_t handle) {
  const absl::MutexLock lock(&mutex_);
  CHECK(handle < next_handle_, handle, next_handle_);
  spool_.forget(handle);
  sinks_.erase(handle);
}

bool RecordLink::connected() {
  const absl::MutexLock lock(&mutex_);
  return is_connected();
}

size_t RecordLink::unacknowledged() {
  const absl::MutexLock lock(&mutex_);
  return spool_.unacknowledged();
}

std::string RecordLink::last_error() {
  const absl::MutexLock lock(&mutex_);
  return error_;
}

bool RecordLink::is_connected() const {
  return stream_ == Stream::kAnswering || stream_ == Stream::kDraining;
}

void RecordLink::has_work() {
  work_ = true;
  changed_.Signal();
}

bool RecordLink::may_follow(Stream from, Stream to) {
  switch (to) {
    case Stream::kNone:
      return from == Stream::kBroken;
    case Stream::kOpen:
      return from == Stream::kNone;
    case Stream::kAnswering:
      return from == Stream::kOpen;
    case Stream::kDraining:
      return from == Stream::kAnswering;
    case Stream::kBroken:
      return from == Stream::kOpen || from == Stream::kAnswering || from == Stream::kDraining;
  }
  return false;
}

void RecordLink::move_to(Stream to) {
  CHECK(may_follow(stream_, to), static_cast<int>(stream_), static_cast<int>(to));
  stream_ = to;
}

void RecordLink::cancel() {
  CHECK((context_ == nullptr) == (stream_ == Stream::kNone), static_cast<int>(stream_));
  if (context_ != nullptr) context_->TryCancel();
}

void RecordLink::run() {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (const std::string& endpoint : options_.endpoints) {
    channels.push_back(dial(endpoint, options_.tls));
    channels.back()->GetState(true);  // connects now, so that failover finds a connection
  }
  std::chrono::milliseconds backoff = kBackoffMin;
  for (size_t at = 0;; at = (at + 1) % channels.size()) {
    const bool answered = try_endpoint(at, channels[at]);
    backoff = answered ? kBackoffMin : std::min(backoff * 2, kBackoffMax);
    if (stopped_.wait(backoff)) return;
  }
}

// try_endpoint returns true when the recorder answered at least once.
bool RecordLink::try_endpoint(size_t at, const std::shared_ptr<grpc::Channel>& channel) {
  if (channel->WaitForConnected(grpc_deadline(kConnectMax)) && serve(channel)) return true;
  const absl::MutexLock lock(&mutex_);
  error_ = "no recorder answers at " + options_.endpoints[at];
  return false;
}

// serve runs one stream until it ends. It returns true when the recorder answered at least once.
bool RecordLink::serve(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = RecorderService::NewStub(channel);
  grpc::ClientContext context;
  if (!begin(&context)) return false;
  const std::unique_ptr<Call> call = stub->Record(&context);
  bool answered = false;
  std::thread reader([this, &call, &answered] { answered = read_responses(call.get()); });
  write_requests(call.get());
  reader.join();
  const grpc::Status status = call->Finish();
  end(status.ok() ? "the recorder ended the stream" : status.error_message());
  return answered;
}

bool RecordLink::begin(grpc::ClientContext* context) {
  std::optional<uint64_t> known_size;
  if (options_.checkpoints != nullptr) known_size = options_.checkpoints->known_size();
  const absl::MutexLock lock(&mutex_);
  if (stopping_) return false;
  CHECK(context_ == nullptr, static_cast<int>(stream_));
  move_to(Stream::kOpen);
  context_ = context;
  spool_.start_stream();
  checkpoint_size_ = known_size;
  CHECK(!spool_.outstanding());
  work_ = true;
  progress_ns_ = system_clock().mono_ns();
  return true;
}

void RecordLink::end(const std::string& error) {
  const absl::MutexLock lock(&mutex_);
  move_to(Stream::kNone);
  context_ = nullptr;
  error_ = error;
  if (!stopping_) log_warn("recorder_lost", {{"reason", error_}});
}

void RecordLink::write_requests(Call* call) {
  RecordRequest request;
  while (next_request(&request)) {
    if (!call->Write(request, grpc::WriteOptions().set_no_compression())) break;
    request.Clear();
  }
  {
    const absl::MutexLock lock(&mutex_);
    if (stopping_ || stream_ != Stream::kDraining) return cancel();
  }
  call->WritesDone();
}

// next_request waits for something to send. It returns false when nothing more may be sent.
bool RecordLink::next_request(RecordRequest* request) {
  const absl::MutexLock lock(&mutex_);
  while (true) {
    CHECK(stream_ != Stream::kNone);
    if (stopping_ || stream_ == Stream::kBroken || stream_ == Stream::kDraining) return false;
    if (!work_) {
      changed_.Wait(&mutex_);
      continue;
    }
    if (!spool_.outstanding()) progress_ns_ = system_clock().mono_ns();
    work_ = spool_.fill(request);
    CHECK(work_ == (request->items_size() > 0), request->items_size());
    if (ask_for_checkpoints(request) || work_) return true;
  }
}

// ask_for_checkpoints returns true when this is the first request of a stream that asks for
// checkpoints.
bool RecordLink::ask_for_checkpoints(RecordRequest* request) {
  if (!checkpoint_size_) return false;
  request->set_checkpoint_size(*std::exchange(checkpoint_size_, std::nullopt));
  CHECK(!checkpoint_size_.has_value(), request->checkpoint_size());
  return true;
}

// read_responses returns true when the recorder answered at least once. A checkpoint is no answer,
// because a recorder that cannot commit sends them too.
bool RecordLink::read_responses(Call* call) {
  bool answered = false;
  RecordResponse response;
  while (call->Read(&response)) {
    if (response.has_checkpoint() && options_.checkpoints != nullptr)
      options_.checkpoints->on_checkpoint(response.checkpoint());
    if (response.answers().empty() && !response.draining()) continue;
    if (!std::exchange(answered, true)) log_info("recorder_connected");
    on_response(response);
  }
  const absl::MutexLock lock(&mutex_);
  move_to(Stream::kBroken);
  changed_.Signal();
  return answered;
}

// The events are delivered without the lock: a sink may wait for this link with its own lock held.
void RecordLink::on_response(const RecordResponse& response) {
  Deliveries deliveries;
  {
    std::vector<TeeEvent> events;
    const absl::MutexLock lock(&mutex_);
    CHECK(stream_ != Stream::kNone && stream_ != Stream::kBroken, static_cast<int>(stream_));
    progress_ns_ = system_clock().mono_ns();
    if (stream_ == Stream::kOpen) {
      move_to(Stream::kAnswering);
      error_.clear();
    }
    if (response.draining() && stream_ == Stream::kAnswering) move_to(Stream::kDraining);
    if (!spool_.on_response(response, &events)) cancel();
    has_work();
    deliveries = sort(std::move(events));
  }
  for (auto& [sink, batch] : deliveries) sink->deliver(std::move(batch));
}

RecordLink::Deliveries RecordLink::sort(std::vector<TeeEvent> events) {
  Deliveries deliveries;
  for (TeeEvent& event : events) {
    const auto it = sinks_.find(event.handle);
    if (it == sinks_.end()) continue;
    EventSink* sink = it->second;
    if (event.type == TeeEvent::Type::kClosed) sinks_.erase(it);
    deliveries[sink].push_back(std::move(event));
  }
  return deliveries;
}

// Keepalive proves that the peer's transport lives, not that the recorder commits; and the writer
// may be blocked in Write. So a thread of its own watches the acknowledgements.
void RecordLink::watch() {
  std::chrono::milliseconds patience(options_.ack_stall_ms);
  while (!stopped_.wait(kWatchEvery)) {
    const absl::MutexLock lock(&mutex_);
    check_progress(&patience);
  }
}

void RecordLink::check_progress(std::chrono::milliseconds* patience) {
  CHECK(patience->count() >= options_.ack_stall_ms, patience->count());
  const int64_t now_ns = system_clock().mono_ns();
  if (!spool_.outstanding()) {
    progress_ns_ = now_ns;
    if (is_connected()) *patience = std::chrono::milliseconds(options_.ack_stall_ms);
    return;
  }
  if (stream_ == Stream::kNone || std::chrono::nanoseconds(now_ns - progress_ns_) <= *patience)
    return;
  log_warn("recorder_stalled", {{"waited_ms", std::to_string(patience->count())}});
  cancel();
  progress_ns_ = now_ns;
  *patience = std::max(*patience, std::min(*patience * 2, kPatienceMax));
}

}  // namespace gatetape::tee
