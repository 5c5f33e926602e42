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

constexpr int kItemsMax = 480;  // the protocol allows 512; a session may add 3
constexpr size_t kRequestBytes = 256 * 1024;
constexpr size_t kSessionBytes = 64 * 1024;  // fairness: of one session in one request
constexpr size_t kSentMax = 256;             // of one session without an answer: others pass it

void fill_frame(uint32_t handle, const SealedFrame& sealed, Item* item) {
  item->set_session_handle(handle);
  item->set_seq(sealed.frame.seq);
  item->set_channel(sealed.frame.channel);
  item->set_kind(static_cast<uint32_t>(sealed.frame.kind));
  item->set_offset_ns(sealed.frame.offset_ns);
  item->set_payload(sealed.frame.payload);
  item->set_root(std::string(view(sealed.root)));
}

bool to_hash(const std::string& bytes, Hash* hash) {
  if (bytes.size() != hash->size()) return false;
  std::copy(bytes.begin(), bytes.end(), hash->begin());
  return true;
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
  CHECK(!session.close.has_value(), handle);
  const uint64_t next = session.durable.size() + session.frames.size() + 1;
  CHECK(frame->frame.seq == next, frame->frame.seq, next);
  session.frames.push_back(std::move(frame));
  mark_ready(handle, session);
}

void Spool::close(uint32_t handle, CloseItem close) {
  const auto it = sessions_.find(handle);
  if (it == sessions_.end() || it->second.state == State::kRefused) return;
  it->second.close = std::move(close);
  mark_ready(handle, it->second);
}

void Spool::forget(uint32_t handle) {
  const auto it = sessions_.find(handle);
  if (it == sessions_.end()) return;
  settle(it->second.sent + (it->second.state == State::kBinding ? 1 : 0) +
         (it->second.close_sent ? 1 : 0));
  sessions_.erase(it);
}

size_t Spool::unacknowledged() const {
  size_t frames = 0;
  for (const auto& [handle, session] : sessions_) frames += session.frames.size();
  return frames;
}

void Spool::start_stream() {
  ready_.clear();
  owed_ = 0;
  for (auto& [handle, session] : sessions_) {
    session.queued = false;
    session.sent = 0;
    session.close_sent = false;
    session.resume_due = false;
    if (session.state == State::kRefused) continue;
    session.state = State::kUnbound;
    mark_ready(handle, session);
  }
}

bool Spool::fill(RecordRequest* request) {
  size_t bytes = 0;
  for (size_t turns = ready_.size(); turns > 0 && bytes < kRequestBytes; turns--) {
    if (request->items_size() >= kItemsMax) break;
    const uint32_t handle = ready_.front();
    ready_.pop_front();
    const auto it = sessions_.find(handle);
    if (it == sessions_.end()) continue;
    it->second.queued = false;
    bytes += fill_session(handle, it->second, request);
    if (has_more(it->second)) mark_ready(handle, it->second);
  }
  return request->items_size() > 0;
}

bool Spool::on_response(const RecordResponse& response, std::vector<TeeEvent>* events) {
  for (const Answer& answer : response.answers()) {
    const auto it = sessions_.find(answer.session_handle());
    if (it == sessions_.end()) continue;
    Session& session = it->second;
    if (session.state == State::kRefused) continue;
    bool ok = true;
    if (answer.has_bound()) {
      ok = on_bound(answer, session, events);
    } else if (answer.has_durable()) {
      ok = advance(it->first, session, answer.durable(), events);
    } else if (answer.has_closed()) {
      if (!session.close_sent || !session.frames.empty()) {
        refuse(it->first, session, "the recorder closed what was not closed", events);
        continue;
      }
      settle(1);
      events->push_back({it->first, TeeEvent::Type::kClosed, 0, {}, {}});
      sessions_.erase(it);
    } else if (answer.has_refusal()) {
      ok = on_refusal(answer, session, events);
    }
    if (!ok) return false;
  }
  return true;
}

void Spool::mark_ready(uint32_t handle, Session& session) {
  if (session.queued || session.state == State::kBinding || session.state == State::kRefused)
    return;
  session.queued = true;
  ready_.push_back(handle);
}

bool Spool::has_more(const Session& session) const {
  if (session.state != State::kBound) return false;
  return may_send(session) ||
         (session.close && !session.close_sent && session.sent == session.frames.size());
}

bool Spool::may_send(const Session& session) {
  return session.sent < std::min(session.frames.size(), kSentMax);
}

size_t Spool::fill_session(uint32_t handle, Session& session, RecordRequest* request) {
  if (session.state == State::kUnbound) {
    Item* item = request->add_items();
    item->set_session_handle(handle);
    item->mutable_bind()->set_session_id(std::string(session.id.bytes()));
    item->mutable_bind()->set_commit_key(session.commit_key);
    item->mutable_bind()->set_fresh(session.fresh);
    session.state = session.fresh ? State::kBound : State::kBinding;
    if (!session.fresh) owe(1);
    session.fresh = false;
  }
  if (session.state != State::kBound) return 0;
  if (session.resume_due) {
    Item* item = request->add_items();
    item->set_session_handle(handle);
    item->mutable_resume()->set_size(session.durable.size());
    for (const Hash& peak : session.durable.peaks())
      item->mutable_resume()->add_peaks(std::string(view(peak)));
    session.resume_due = false;
  }
  size_t bytes = 0;
  while (may_send(session) && bytes < kSessionBytes && request->items_size() < kItemsMax) {
    const SealedFrame& sealed = *session.frames[session.sent++];
    fill_frame(handle, sealed, request->add_items());
    owe(1);
    bytes += sealed.frame.payload.size() + kFrameOverheadBytes;
  }
  if (session.close && !session.close_sent && session.sent == session.frames.size()) {
    Item* item = request->add_items();
    item->set_session_handle(handle);
    item->mutable_close()->set_size(session.close->size);
    item->mutable_close()->set_root(std::string(view(session.close->root)));
    item->mutable_close()->set_signature(session.close->signature);
    item->mutable_close()->set_public_key(session.close->public_key);
    session.close_sent = true;
    owe(1);
  }
  return bytes;
}

bool Spool::on_bound(const Answer& answer, Session& session, std::vector<TeeEvent>* events) {
  if (session.state != State::kBinding) return false;
  settle(1);
  session.state = State::kBound;
  const uint64_t stored = answer.bound().seq();
  if (stored < session.durable.size()) {
    refuse(answer.session_handle(), session, "the store lost frames that it had acknowledged",
           events);
    return true;
  }
  if (stored == session.durable.size()) {
    Hash root{};
    const bool same =
        stored == 0 || (to_hash(answer.bound().root(), &root) && root == session.durable.root());
    if (!same) {
      refuse(answer.session_handle(), session, "the store holds other content", events);
      return true;
    }
  }
  session.resume_due = true;
  // What the store already has counts as sent on this stream, so that advance can settle it.
  const uint64_t ahead = std::min<uint64_t>(stored - session.durable.size(), session.frames.size());
  session.sent = ahead;
  owe(ahead);
  const bool ok = advance(answer.session_handle(), session, answer.bound(), events);
  if (ok) mark_ready(answer.session_handle(), session);
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
  settle(count);
  if (has_more(session)) mark_ready(handle, session);
  events->push_back({handle, TeeEvent::Type::kDurable, seq, root, {}});
  return true;
}

bool Spool::on_refusal(const Answer& answer, Session& session, std::vector<TeeEvent>* events) {
  const Refusal& refusal = answer.refusal();
  if (refusal.code() == Refusal::CODE_LOST_RACE || refusal.code() == Refusal::CODE_GAP)
    return false;
  // A head that was committed while its answer was lost: the session is closed, as it asked, when
  // the Bound before said that all its frames are durable.
  if (refusal.code() == Refusal::CODE_CLOSED && session.close && session.frames.empty()) {
    const uint32_t handle = answer.session_handle();
    forget(handle);
    events->push_back({handle, TeeEvent::Type::kClosed, 0, {}, {}});
    return true;
  }
  refuse(answer.session_handle(), session, refusal.detail(), events);
  return true;
}

void Spool::refuse(uint32_t handle, Session& session, std::string detail,
                   std::vector<TeeEvent>* events) {
  settle(session.sent + (session.state == State::kBinding ? 1 : 0) + (session.close_sent ? 1 : 0));
  session.state = State::kRefused;
  session.frames.clear();
  session.sent = 0;
  session.close_sent = false;
  events->push_back({handle, TeeEvent::Type::kRefused, 0, {}, std::move(detail)});
}

void Spool::settle(size_t items) {
  CHECK(items <= owed_, items, owed_);
  owed_ -= items;
}

}  // namespace gatetape::tee
