#include "tee/spool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace gatetape::tee {
namespace {

using record::v1::Answer;
using record::v1::Item;
using record::v1::RecordRequest;
using record::v1::RecordResponse;
using record::v1::Refusal;

// Items of one request. The protocol allows 512, and one session may add three more.
constexpr int kItemsMax = 480;
// Frames of one request, in bytes. The protocol allows 512 KiB.
constexpr size_t kRequestBytesMax = 256 * 1024;
// Fairness: frames of one session in one request, in bytes. The rest of the session waits until the
// other sessions had their turn.
constexpr size_t kSessionBytesMax = 64 * 1024;
// Fairness: frames of one session without an answer. At this limit the session waits for its
// answers, and the others pass it.
constexpr size_t kSentMax = 256;

Item* add_item(uint32_t handle, RecordRequest* request) {
  Item* item = request->add_items();
  item->set_session_handle(handle);
  return item;
}

void fill_frame(const SealedFrame& sealed, Item* item) {
  item->set_seq(sealed.frame.seq);
  item->set_channel(sealed.frame.channel);
  item->set_kind(static_cast<uint32_t>(sealed.frame.kind));
  item->set_offset_ns(sealed.frame.offset_ns);
  item->set_payload(sealed.frame.payload);
  item->set_root(std::string(view(sealed.root)));
}

}  // namespace

void Spool::open(uint32_t handle, const SessionId& session, const std::string& commit_key) {
  const auto [it, inserted] = sessions_.try_emplace(handle);
  CHECK(inserted, handle);
  it->second.id = session;
  it->second.commit_key = commit_key;
}

void Spool::add(uint32_t handle, FramePtr frame) {
  const auto it = sessions_.find(handle);
  if (it == sessions_.end()) return;
  Session& session = it->second;
  if (session.state == State::kRefused) return;
  CHECK(session.head == Head::kNone, handle);
  const uint64_t next = session.durable.size() + session.frames.size() + 1;
  CHECK(frame->frame.seq == next, frame->frame.seq, next);
  session.frames.push_back(std::move(frame));
  mark_ready(handle, session);
}

void Spool::close(uint32_t handle, CloseItem close) {
  const auto it = sessions_.find(handle);
  if (it == sessions_.end()) return;
  Session& session = it->second;
  if (session.state == State::kRefused) return;
  CHECK(session.head == Head::kNone, handle);
  const uint64_t offered = session.durable.size() + session.frames.size();
  CHECK(close.size == offered, close.size, offered);
  session.head = Head::kDue;
  session.close = std::move(close);
  mark_ready(handle, session);
}

void Spool::forget(uint32_t handle) {
  const auto it = sessions_.find(handle);
  if (it == sessions_.end()) return;
  answered(owed_to(it->second));
  unbegun_.erase(handle);
  sessions_.erase(it);
  CHECK(!sessions_.empty() || owed_ == 0, owed_);
}

size_t Spool::unacknowledged() const {
  size_t frames = 0;
  for (const auto& [handle, session] : sessions_) frames += session.frames.size();
  return frames;
}

void Spool::start_stream() {
  ready_.clear();
  unbegun_.clear();
  owed_ = 0;
  for (auto& [handle, session] : sessions_) {
    session.queued = false;
    session.sent = 0;
    if (session.head == Head::kSent) session.head = Head::kDue;
    if (session.state == State::kRefused) continue;
    if (session.state != State::kFresh) session.state = State::kUnbound;
    if (session.state == State::kUnbound && session.durable.size() == 0) unbegun_.insert(handle);
    check(session);
    mark_ready(handle, session);
  }
  CHECK(ready_.size() <= sessions_.size(), ready_.size(), sessions_.size());
}

bool Spool::fill(RecordRequest* request) {
  CHECK(request->items_size() == 0, request->items_size());
  size_t bytes = 0;
  for (size_t turns = ready_.size(); turns > 0 && bytes < kRequestBytesMax; turns--) {
    if (request->items_size() >= kItemsMax) break;
    const uint32_t handle = ready_.front();
    ready_.pop_front();
    const auto it = sessions_.find(handle);
    if (it == sessions_.end()) continue;
    CHECK(it->second.queued, handle);
    it->second.queued = false;
    if (must_wait(it->second)) {
      mark_ready(handle, it->second);
      continue;
    }
    bytes += fill_session(handle, it->second, request);
    if (has_more(it->second)) mark_ready(handle, it->second);
  }
  CHECK(request->items_size() <= kItemsMax + 3, request->items_size());
  return request->items_size() > 0;
}

bool Spool::on_response(const RecordResponse& response, std::vector<TeeEvent>* events) {
  for (const Answer& answer : response.answers())
    if (!on_answer(answer, events)) return false;
  return true;
}

bool Spool::on_answer(const Answer& answer, std::vector<TeeEvent>* events) {
  const uint32_t handle = answer.session_handle();
  const auto it = sessions_.find(handle);
  if (it == sessions_.end()) return true;
  Session& session = it->second;
  if (session.state == State::kRefused) return true;
  if (answer.has_bound()) return on_bound(answer, session, events);
  if (answer.has_durable()) return advance(handle, session, answer.durable(), events);
  if (answer.has_closed()) return on_closed(handle, session, events);
  return !answer.has_refusal() || on_refusal(answer, session, events);
}

void Spool::check(const Session& session) {
  CHECK(session.sent <= session.frames.size(), session.sent, session.frames.size());
  CHECK(session.frames.empty() || session.frames.front()->frame.seq == session.durable.size() + 1,
        session.durable.size());
  CHECK(session.head != Head::kSent || session.sent == session.frames.size(), session.sent);
  CHECK(session.sent == 0 || session.state == State::kBound || session.state == State::kResuming,
        static_cast<int>(session.state));
}

void Spool::mark_ready(uint32_t handle, Session& session) {
  if (session.queued || session.state == State::kBinding || session.state == State::kRefused)
    return;
  session.queued = true;
  ready_.push_back(handle);
}

bool Spool::has_more(const Session& session) {
  return session.state == State::kBound && (may_send_frame(session) || may_send_head(session));
}

bool Spool::must_wait(const Session& session) const {
  return session.state == State::kFresh && !unbegun_.empty();
}

bool Spool::may_send_frame(const Session& session) {
  return session.sent < std::min(session.frames.size(), kSentMax);
}

bool Spool::may_send_head(const Session& session) {
  return session.head == Head::kDue && session.sent == session.frames.size();
}

size_t Spool::fill_session(uint32_t handle, Session& session, RecordRequest* request) {
  if (session.state == State::kFresh || session.state == State::kUnbound)
    send_bind(handle, session, request);
  if (session.state == State::kResuming) send_resume(handle, session, request);
  if (session.state != State::kBound) return 0;
  const size_t bytes = send_frames(handle, session, request);
  if (session.sent > 0 || session.frames.empty()) unbegun_.erase(handle);
  if (may_send_head(session)) send_head(handle, session, request);
  check(session);
  return bytes;
}

void Spool::send_bind(uint32_t handle, Session& session, RecordRequest* request) {
  CHECK(session.sent == 0, handle, session.sent);
  const bool fresh = session.state == State::kFresh;
  record::v1::Bind* bind = add_item(handle, request)->mutable_bind();
  bind->set_session_id(std::string(session.id.bytes()));
  bind->set_commit_key(session.commit_key);
  bind->set_format_version(static_cast<uint32_t>(kFormatVersion));
  bind->set_fresh(fresh);
  session.state = fresh ? State::kBound : State::kBinding;
  if (!fresh) owe(1);
}

void Spool::send_resume(uint32_t handle, Session& session, RecordRequest* request) {
  CHECK(session.state == State::kResuming, handle);
  record::v1::Resume* resume = add_item(handle, request)->mutable_resume();
  resume->set_size(session.durable.size());
  for (const Hash& peak : session.durable.peaks()) resume->add_peaks(std::string(view(peak)));
  session.state = State::kBound;
}

size_t Spool::send_frames(uint32_t handle, Session& session, RecordRequest* request) {
  CHECK(session.state == State::kBound, handle);
  size_t bytes = 0;
  while (may_send_frame(session) && bytes < kSessionBytesMax && request->items_size() < kItemsMax) {
    const SealedFrame& sealed = *session.frames[session.sent++];
    fill_frame(sealed, add_item(handle, request));
    owe(1);
    bytes += sealed.frame.payload.size() + kFrameOverheadBytes;
  }
  return bytes;
}

void Spool::send_head(uint32_t handle, Session& session, RecordRequest* request) {
  CHECK(session.head == Head::kDue, handle);
  record::v1::Close* close = add_item(handle, request)->mutable_close();
  close->set_size(session.close.size);
  close->set_root(std::string(view(session.close.root)));
  close->set_signature(session.close.signature);
  close->set_public_key(session.close.public_key);
  session.head = Head::kSent;
  owe(1);
}

bool Spool::on_bound(const Answer& answer, Session& session, std::vector<TeeEvent>* events) {
  if (session.state != State::kBinding) return false;
  const uint32_t handle = answer.session_handle();
  const record::v1::Durable& bound = answer.bound();
  answered(1);
  CHECK(session.sent == 0 && session.head != Head::kSent, handle, session.sent);
  session.state = State::kResuming;
  const uint64_t known = session.durable.size();
  if (bound.seq() < known) {
    refuse(handle, session, "the store lost frames that it had acknowledged", events);
    return true;
  }
  Hash root{};
  const bool same = to_hash(bound.root(), &root) && root == session.durable.root();
  if (bound.seq() == known && known > 0 && !same) {
    refuse(handle, session, "the store holds other content", events);
    return true;
  }
  // What the store already has counts as sent on this stream, so that advance accepts it.
  const uint64_t ahead = std::min<uint64_t>(bound.seq() - known, session.frames.size());
  session.sent = ahead;
  owe(ahead);
  const bool ok = advance(handle, session, bound, events);
  if (ok) mark_ready(handle, session);
  return ok;
}

bool Spool::advance(uint32_t handle, Session& session, const record::v1::Durable& durable,
                    std::vector<TeeEvent>* events) {
  const uint64_t seq = durable.seq();
  if (seq <= session.durable.size()) return true;
  const uint64_t count = seq - session.durable.size();
  Hash root{};
  if (count > session.sent || !to_hash(durable.root(), &root) ||
      session.frames[count - 1]->root != root) {
    refuse(handle, session, "the recorder acknowledged what was not sent", events);
    return true;
  }
  for (uint64_t i = 0; i < count; i++) {
    session.durable.append(session.frames.front()->leaf);
    session.frames.pop_front();
  }
  session.sent -= count;
  answered(count);
  check(session);
  if (has_more(session)) mark_ready(handle, session);
  events->push_back({handle, TeeEvent::Type::kDurable, seq, root, {}});
  return true;
}

bool Spool::on_closed(uint32_t handle, Session& session, std::vector<TeeEvent>* events) {
  if (session.head != Head::kSent || !session.frames.empty()) {
    refuse(handle, session, "the recorder closed what was not closed", events);
    return true;
  }
  CHECK(session.durable.size() == session.close.size, session.durable.size(), session.close.size);
  forget(handle);
  events->push_back({handle, TeeEvent::Type::kClosed, 0, {}, {}});
  return true;
}

bool Spool::on_refusal(const Answer& answer, Session& session, std::vector<TeeEvent>* events) {
  const uint32_t handle = answer.session_handle();
  const Refusal& refusal = answer.refusal();
  if (refusal.code() == Refusal::CODE_LOST_RACE || refusal.code() == Refusal::CODE_GAP)
    return false;
  // The head was committed and the answer to it was lost. The session is closed, as it asked, when
  // the Bound before said that all its frames are durable.
  if (refusal.code() == Refusal::CODE_CLOSED && session.head != Head::kNone &&
      session.frames.empty()) {
    forget(handle);
    events->push_back({handle, TeeEvent::Type::kClosed, 0, {}, {}});
    return true;
  }
  refuse(handle, session, refusal.detail(), events);
  return true;
}

void Spool::refuse(uint32_t handle, Session& session, std::string detail,
                   std::vector<TeeEvent>* events) {
  CHECK(session.state != State::kRefused, handle);
  answered(owed_to(session));
  session.state = State::kRefused;
  unbegun_.erase(handle);
  session.frames.clear();
  session.sent = 0;
  if (session.head == Head::kSent) session.head = Head::kDue;
  events->push_back({handle, TeeEvent::Type::kRefused, 0, {}, std::move(detail)});
}

size_t Spool::owed_to(const Session& session) {
  return session.sent + (session.state == State::kBinding ? 1 : 0) +
         (session.head == Head::kSent ? 1 : 0);
}

void Spool::answered(size_t items) {
  CHECK(items <= owed_, items, owed_);
  owed_ -= items;
}

}  // namespace gatetape::tee
