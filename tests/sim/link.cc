#include "tests/sim/link.h"

#include <algorithm>
#include <utility>

namespace gatetape::sim {
namespace {

using record::v1::Item;
using record::v1::RecordRequest;
using record::v1::RecordResponse;

// Requests that the recorder has not read. At this limit the writer waits, as with HTTP/2 flow
// control.
constexpr size_t kUnreadMax = 4;

}  // namespace

Link::Link(World* world, Oracle* oracle, std::array<Recorder*, 2> recorders)
    : world_(world), oracle_(oracle), recorders_(recorders) {
  connect();
  watch();
}

void Link::open(uint64_t session, const SessionId& id, const std::string& commit_key, Sink* sink) {
  const auto handle = static_cast<uint32_t>(session);
  spool_.open(handle, id, commit_key);
  sinks_[handle] = sink;
}

void Link::add(uint64_t session, tee::FramePtr frame) {
  spool_.add(static_cast<uint32_t>(session), std::move(frame));
  pump_soon();
}

void Link::close(uint64_t session, tee::CloseItem close) {
  spool_.close(static_cast<uint32_t>(session), std::move(close));
  pump_soon();
}

void Link::forget(uint64_t session) {
  spool_.forget(static_cast<uint32_t>(session));
  sinks_.erase(static_cast<uint32_t>(session));
}

void Link::connect() {
  Recorder* const recorder = recorders_[at_];
  at_ = (at_ + 1) % recorders_.size();
  answered_ = draining_ = false;
  wire_ = std::make_shared<Wire>(world_, this);
  if (!world_->fails(Call::kLink, world_->faults.connect_fails) && recorder->accept(wire_)) {
    world_->note("stream opens", 0, at_ == 0 ? 2 : 1);
    spool_.start_stream();
    progress_ns_ = world_->mono_ns();
    return pump_soon();
  }
  wire_ = nullptr;
  backoff_ns_ = std::min(backoff_ns_ * 2, 500 * kMs);
  world_->after(300 * kMs + backoff_ns_, [this] { connect(); });
}

void Link::drop() {
  world_->note("stream is dropped");
  wire_->cancel();
  wire_ = nullptr;
  backoff_ns_ = answered_ ? 20 * kMs : std::min(backoff_ns_ * 2, 500 * kMs);
  world_->after(backoff_ns_, [this] { connect(); });
}

// A cancelled call still delivers for a short time what the transport had read before.
void Link::drop_soon() {
  world_->after(world_->rng.between(0, kMs), [this, wire = wire_] {
    if (wire != nullptr && wire == wire_) drop();
  });
}

void Link::cut() {
  if (wire_ != nullptr) drop();
}

void Link::pump_soon() {
  if (wire_ == nullptr || std::exchange(pumping_, true)) return;
  world_->after(world_->rng.between(kUs, 50 * kUs), [this] {
    pumping_ = false;
    pump();
  });
}

void Link::pump() {
  if (wire_ == nullptr || draining_ || wire_->unread() >= kUnreadMax) return;
  if (!spool_.outstanding()) progress_ns_ = world_->mono_ns();
  RecordRequest request;
  if (!spool_.fill(&request)) return;
  send(std::move(request));
  pump_soon();
}

// The protocol does not fix where a message ends. send splits some messages, so that the stream can
// break between items that the spool wrote into one message.
void Link::send(RecordRequest request) {
  const int cut =
      static_cast<int>(world_->rng.below(static_cast<uint64_t>(request.items_size()) * 3));
  if (cut > 0 && cut < request.items_size()) {
    RecordRequest first;
    for (int i = 0; i < cut; i++) first.add_items()->Swap(request.mutable_items(i));
    request.mutable_items()->DeleteSubrange(0, cut);
    send_part(std::move(first));
  }
  send_part(std::move(request));
}

void Link::send_part(RecordRequest request) {
  if (wire_ == nullptr) return;
  if (world_->fails(Call::kLink, world_->faults.link_breaks)) return drop();
  Message message;
  message.request = std::move(request);
  spoil(&message);
  wire_->send(std::move(message));
}

void Link::spoil(Message* message) {
  const bool forge = world_->strikes(world_->faults.forges);
  if (!forge && !world_->strikes(world_->faults.duplicates)) return;
  auto* const items = message->request.mutable_items();
  // The recorder compares a repeated frame with its newest frames only.
  const int newest = std::min<int>(items->size(), recorder::Ingest::kRepeatsKept / 2);
  const int chosen =
      items->size() - 1 - static_cast<int>(world_->rng.below(static_cast<uint64_t>(newest)));
  if (items->Get(chosen).seq() == 0 || items->Get(chosen).payload().empty()) return;
  const bool in_place = forge && world_->rng.chance(0.3);
  if (!in_place) *items->Add() = Item(items->Get(chosen));
  message->odd_item = in_place ? chosen : items->size() - 1;
  message->odd = forge ? Message::Odd::kForgery : Message::Odd::kRepeat;
  if (!forge) return;
  Item* const item = items->Mutable(message->odd_item);
  char& byte = item->mutable_payload()->back();
  byte = static_cast<char>(byte ^ 1);
  oracle_->excuse(item->session_handle());
}

void Link::on_response(const Wire* wire, const RecordResponse& response) {
  if (wire != wire_.get()) return;
  if (world_->fails(Call::kLink, world_->faults.link_breaks)) return drop();
  progress_ns_ = world_->mono_ns();
  answered_ = true;
  const bool was_empty = inbox_.empty();
  const bool ok = spool_.on_response(response, &inbox_);
  if (was_empty && !inbox_.empty())
    world_->after(world_->rng.between(5 * kUs, 100 * kUs), [this] { deliver_inbox(); });
  if (response.draining() && !std::exchange(draining_, true)) wire_->half_close();
  if (!ok) return drop_soon();
  pump_soon();
}

void Link::on_end(const Wire* wire) {
  if (wire == wire_.get()) drop();
}

void Link::deliver_inbox() {
  for (const tee::TeeEvent& event : std::exchange(inbox_, {})) {
    const auto found = sinks_.find(event.handle);
    if (found != sinks_.end()) found->second->on_event(event);
  }
}

// watch does the same as RecordLink::watch.
void Link::watch() {
  world_->after(250 * kMs, [this] { watch(); });
  const int64_t now_ns = world_->mono_ns();
  if (!spool_.outstanding()) {
    progress_ns_ = now_ns;
    if (answered_) patience_ns_ = 5 * kS;
  } else if (wire_ != nullptr && now_ns - progress_ns_ > patience_ns_) {
    world_->note("recorder is stalled");
    progress_ns_ = now_ns;
    patience_ns_ = std::min(patience_ns_ * 2, 30 * kS);
    drop_soon();
  }
}

}  // namespace gatetape::sim
