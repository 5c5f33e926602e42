// BundleMaker: bundles of a session that a test invents, with a small log around it. A test changes
// single members and writes the file again, so that the file is well-formed and says something
// else. One thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "bundle/keys.h"
#include "bundle/redaction.h"
#include "bundle/statements.h"
#include "bundle/write.h"
#include "log/checkpoint.h"
#include "record/event.h"
#include "tests/support/memory_tree.h"

namespace gatetape {

struct BundleSigners {
  NoteSigner log;
  NoteSigner witness;
  SigningKey gateway;
  SigningKey recorder;

  static BundleSigners generate() {
    return {{"gw.gatetape/log", NoteKeyType::kEd25519, SigningKey::generate()},
            {"witness.example/w1", NoteKeyType::kCosignature, SigningKey::generate()},
            SigningKey::generate(),
            SigningKey::generate()};
  }
  // keys_text returns what a verifier is given.
  std::string keys_text() const {
    return "# the log\n" + log.verifier_key().to_text() + "\n\n# a witness\n" +
           witness.verifier_key().to_text() + "\n";
  }
  BundleKeys keys() const { return *BundleKeys::parse(keys_text()); }
};

// BundleText is the members of a bundle by name, with what the manifest says of the session.
struct BundleText {
  Manifest manifest;
  std::map<std::string, std::string> members;

  std::string write() const {
    std::vector<TextSource> sources;
    std::vector<Content> contents;
    sources.reserve(members.size());
    for (const auto& [name, text] : members)
      contents.push_back({name, &sources.emplace_back(text)});
    std::string file;
    const absl::Status status = write_bundle(manifest, contents, [&file](std::string_view bytes) {
      file += bytes;
      return absl::OkStatus();
    });
    CHECK(status.ok(), status);
    return file;
  }
};

// BundlePlan is a session, and what is signed about it.
struct BundlePlan {
  SessionId session;
  FormatVersion version = FormatVersion::k2;
  std::string commit_key = std::string(kCommitKeyBytes, 'k');
  std::vector<Frame> frames;
  Redaction redaction;
  bool ended = true;            // the session has a head and a close line
  uint64_t other_sessions = 2;  // of each heads list
  uint64_t time_s = 1'796'000'001;

  CommitKeys keys() const { return CommitKeys(commit_key, version); }
  BundlePlan& add(FrameKind kind, uint32_t channel, std::string payload) {
    frames.push_back(
        {frames.size() + 1, channel, kind, frames.size() * 1'000'000'000, std::move(payload)});
    return *this;
  }
  // head returns size and root of the first frames; 0 = all.
  SessionHead head(uint64_t size = 0) const {
    CompactRange tree;
    const CommitKeys commit_keys = keys();
    for (const Frame& frame : frames)
      if (size == 0 || frame.seq <= size) tree.append(leaf_hash(session, commit_keys, frame));
    return {session, tree.size(), tree.root()};
  }
};

// plan_of_shell returns a session of eight frames in which a user types `ls`.
inline BundlePlan plan_of_shell(const SessionId& session, bool ended = true) {
  BundlePlan plan;
  plan.session = session;
  plan.ended = ended;
  plan.add(FrameKind::kSessionOpen, 0,
           Event{{"kind", "session"}, {"user", "alice"}, {"login", "root"}, {"target", "db1"}}
               .encode())
      .add(FrameKind::kChannelOpen, 1, Event{{"type", "session"}}.encode())
      .add(FrameKind::kRequestIn, 1, Event{{"request", "shell"}, {"want_reply", "1"}}.encode())
      .add(FrameKind::kIn, 1, "l")
      .add(FrameKind::kIn, 1, "s\r")
      .add(FrameKind::kOut, 1, "etc  usr  var\r\n");
  if (!ended) return plan;
  return plan.add(FrameKind::kCloseOut, 1, "")
      .add(FrameKind::kSessionEnd, 0,
           Event{{"reason", "client"}, {"bytes_in", "3"}, {"bytes_out", "15"}}.encode());
}

// BundleMaker makes the log: start, the keys that sign, the list of the opening, one of a live
// session, a second start, the list of the end, and a third start.
class BundleMaker {
 public:
  BundleMaker(const BundleSigners& signers, BundlePlan plan)
      : signers_(signers), plan_(std::move(plan)) {
    append(StartEntry{1, time_ns()}, signers_.log.key);
    add_key("recorder", signers_.recorder.public_key());
    if (plan_.ended)
      add_key("gateway", signers_.gateway.public_key());
    else
      append(StartEntry{1, time_ns()}, signers_.log.key);
    add_list(HeadsLine::State::kOpen, 1);
    add_list(HeadsLine::State::kLive, plan_.frames.size() - (plan_.ended ? 1 : 0));
    append(StartEntry{2, time_ns()}, signers_.log.key);
    if (plan_.ended) add_list(HeadsLine::State::kClose, plan_.frames.size());
    append(StartEntry{3, time_ns()}, signers_.log.key);
  }

  // make returns the bundle of the first `size` leaves of the log; 0 = all.
  BundleText make(uint64_t size = 0) {
    BundleText text;
    if (size == 0) size = tree_.size();
    add_frames(&text);
    if (plan_.ended) text.members["head"] = head_of(plan_.head()).to_text();
    text.members["checkpoint"] = checkpoint(tree_.head(size));
    for (const auto& [index, entry] : kept_) {
      if (index >= size) continue;
      const auto proof = inclusion_proof(tree_, index, size);
      text.members["entries/" + std::to_string(index)] =
          BundleEntry::of(index, entry, *proof).to_text();
    }
    for (const auto& [name, line] : lines_)
      if (line.leaf_index < size) text.members[name] = line.to_text();
    text.members["views/README.txt"] = "How to verify.\n";
    return text;
  }
  SignedHead head_of(const SessionHead& head) const {
    return {head, signers_.gateway.public_key(), signers_.gateway.sign(head.signed_text()),
            signers_.recorder.public_key(), signers_.recorder.sign(head.signed_text())};
  }
  std::string checkpoint(const TreeHead& tree) const {
    SignedNote note = sign_checkpoint({signers_.log.name, tree, ""}, signers_.log);
    note.sign(signers_.witness, plan_.time_s);
    return note.to_text();
  }
  // add_key registers a key as the next leaf.
  void add_key(const std::string& role, const PublicKey& key,
               KeyEntry::Action action = KeyEntry::Action::kRegister) {
    keep(append(KeyEntry{action, role, key, time_ns()}, signers_.log.key));
  }
  // add_list signs a list in which the session has this state and size, as the next leaf.
  void add_list(HeadsLine::State state, uint64_t size) {
    const SessionHead head = plan_.head(size);
    std::vector<HeadsLine> lines = {{plan_.session, {head.size, head.root}, state}};
    for (uint64_t i = 0; i < plan_.other_sessions; i++)
      lines.push_back(
          {SessionId::mint(static_cast<int64_t>(time_ns())), {i + 1, head.root}, state});
    const HeadsList list = HeadsList::from_lines(std::move(lines));
    const HeadsEntry entry{std::string(kRunBytes, 'Z'), ++n_, time_ns(), list.lines().size(),
                           list.root()};
    const uint64_t leaf_index = append(entry, signers_.recorder);
    const size_t index = list.find(plan_.session);
    const bool is_newest = state == HeadsLine::State::kLive && plan_.ended;
    if (is_newest) return;  // a bundle of an ended session has no live line
    keep(leaf_index);
    const BundleLine line{leaf_index, index, list.lines()[index], list.prove(index)};
    lines_[line.member_name()] = line;
  }
  MemoryTree& tree() { return tree_; }
  const BundlePlan& plan() const { return plan_; }
  BundleLine& line(const std::string& name) { return lines_[name]; }

 private:
  uint64_t time_ns() const { return (plan_.time_s - 1) * 1'000'000'000; }
  uint64_t append(LogEntry::Body body, const SigningKey& key) {
    last_ = LogEntry::signed_by(key, std::move(body)).to_text();
    tree_.append(last_);
    return tree_.size() - 1;
  }
  void keep(uint64_t index) { kept_[index] = last_; }
  void add_frames(BundleText* text) const {
    FrameMembers members;
    const CommitKeys commit_keys = plan_.keys();
    std::map<uint16_t, LeftOut> left_out;
    for (const Frame& frame : plan_.frames) {
      members.add(frame, commit_keys, plan_.redaction);
      if (!plan_.redaction.leaves_out(frame)) continue;
      LeftOut& counted = left_out[static_cast<uint16_t>(frame.kind)];
      counted = {static_cast<uint16_t>(frame.kind), counted.frames + 1,
                 counted.bytes + frame.payload.size()};
    }
    text->members["frames"] = members.frames;
    text->members["frame_keys"] = members.keys;
    text->manifest = {plan_.session, plan_.version, time_ns(), plan_.frames.size(), {}, {}};
    for (const auto& [kind, counted] : left_out) text->manifest.left_out.push_back(counted);
  }

  const BundleSigners& signers_;
  BundlePlan plan_;
  MemoryTree tree_;
  std::string last_;                         // the newest entry
  std::map<uint64_t, std::string> kept_;     // entries of the bundle
  std::map<std::string, BundleLine> lines_;  // by the name of the member
  uint64_t n_ = 0;
};

}  // namespace gatetape
