// TestSession: the writer's side of one session. It makes frames with their roots, binds the
// session and closes it. One thread.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/crypto.h"
#include "gatetape/record/v1/record.pb.h"
#include "record/commit_keys.h"
#include "record/event.h"
#include "record/frame.h"
#include "record/head.h"
#include "record/merkle.h"

namespace gatetape {

class TestSession {
 public:
  explicit TestSession(uint32_t handle = 1, FormatVersion version = kFormatVersion)
      : handle_(handle), keys_(random_bytes(kCommitKeyBytes), version) {}

  // next returns the next frame. Frame 1 should come from open().
  Frame next(FrameKind kind, std::string payload, uint32_t channel = 1) {
    Frame frame{range_.size() + 1, channel, kind, range_.size() * 1000, std::move(payload)};
    range_.append(leaf_hash(id_, keys_, frame));
    return frame;
  }
  Frame open() {
    return next(FrameKind::kSessionOpen,
                Event{{"kind", "session"},
                      {"user", "alice"},
                      {"login", "root"},
                      {"target", "db1"},
                      {"target_address", "10.0.0.1:22"},
                      {"source", "192.0.2.7:50000"},
                      {"rule", "sre"},
                      {"key_fingerprint", "SHA256:x"},
                      {"gateway", "gw"},
                      {"started_at", std::to_string(id_.unix_ms() * 1'000'000)}}
                    .encode(),
                0);
  }
  Frame end() {
    return next(FrameKind::kSessionEnd,
                Event{{"reason", "exit"},
                      {"bytes_in", "1"},
                      {"bytes_out", "2"},
                      {"ended_at", std::to_string(id_.unix_ms() * 1'000'000)}}
                    .encode(),
                0);
  }
  // root returns the root over all frames that were made.
  Hash root() const { return range_.root(); }
  const CompactRange& range() const { return range_; }

  record::v1::Item item(const Frame& frame) const {
    record::v1::Item item = blank();
    item.set_seq(frame.seq);
    item.set_channel(frame.channel);
    item.set_kind(static_cast<uint32_t>(frame.kind));
    item.set_offset_ns(frame.offset_ns);
    item.set_payload(frame.payload);
    item.set_root(std::string(view(root())));
    return item;
  }
  record::v1::Item bind(bool fresh) const {
    record::v1::Item item = blank();
    item.mutable_bind()->set_session_id(std::string(id_.bytes()));
    item.mutable_bind()->set_commit_key(keys_.commit_key());
    item.mutable_bind()->set_format_version(static_cast<uint32_t>(keys_.version()));
    item.mutable_bind()->set_fresh(fresh);
    return item;
  }
  record::v1::Item resume() const {
    record::v1::Item item = blank();
    item.mutable_resume()->set_size(range_.size());
    for (const Hash& peak : range_.peaks())
      item.mutable_resume()->add_peaks(std::string(view(peak)));
    return item;
  }
  record::v1::Item close(const SigningKey& key) const {
    record::v1::Item item = blank();
    item.mutable_close()->set_size(range_.size());
    item.mutable_close()->set_root(std::string(view(root())));
    item.mutable_close()->set_signature(key.sign(head().signed_text()));
    item.mutable_close()->set_public_key(key.public_key().raw);
    return item;
  }
  SessionHead head() const { return {id_, range_.size(), root()}; }
  const SessionId& id() const { return id_; }
  const CommitKeys& keys() const { return keys_; }
  uint32_t handle() const { return handle_; }

 private:
  record::v1::Item blank() const {
    record::v1::Item item;
    item.set_session_handle(handle_);
    return item;
  }

  uint32_t handle_;
  SessionId id_ = SessionId::mint(system_clock().wall_ns());
  CommitKeys keys_;
  CompactRange range_;
};

}  // namespace gatetape
