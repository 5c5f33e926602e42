#include "record/batch.h"
#include "tests/mutations/kinds.h"
#include "tests/mutations/raw_bundle.h"

namespace gatetape::mutations {
namespace {

bool is_absent(const std::string& frame) { return (frame[4] & 0x80) != 0; }

std::string cut_frames(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  std::vector<std::string> frames = frames_of(text.members["frames"]);
  const size_t gone = 1 + below(rng, frames.size() - 1);
  std::string& keys = text.members["frame_keys"];
  for (size_t i = 0; i < gone; i++, frames.pop_back())
    if (!is_absent(frames.back())) keys.resize(keys.size() - kCommitKeyBytes);
  text.members["frames"] = joined(frames);
  text.manifest.frames = frames.size();
  return text.write();
}

std::string add_frame(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  Frame frame{0, 1, FrameKind::kOut, 60'000'000'000, "more"};
  if (below(rng, 2) == 0) frame.kind = FrameKind::kSessionEnd;
  put_frame(&text.members["frames"], frame);
  text.members["frame_keys"] += std::string(kCommitKeyBytes, 'a');
  text.manifest.frames++;
  return text.write();
}

std::string swap_frames(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  std::vector<std::string> frames = frames_of(text.members["frames"]);
  std::swap(frames[below(rng, frames.size())], frames[below(rng, frames.size())]);
  text.members["frames"] = joined(frames);
  return unless_same(seed, text.write());
}

std::string frames_of_another_session(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  text.members["frame_keys"] = seed.other.members.at("frame_keys");
  if (below(rng, 2) == 0) text.members["frames"] = seed.other.members.at("frames");
  return text.write();
}

std::string swap_keys(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  std::string& keys = text.members["frame_keys"];
  const size_t count = keys.size() / kCommitKeyBytes;
  const std::string moved = keys.substr(kCommitKeyBytes * below(rng, count), kCommitKeyBytes);
  keys.replace(kCommitKeyBytes * below(rng, count), kCommitKeyBytes, moved);
  return unless_same(seed, text.write());
}

std::string wrong_count_of_keys(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  std::string& keys = text.members["frame_keys"];
  keys.resize(below(rng, keys.size()));
  if (below(rng, 2) == 0) keys = seed.text.members.at("frame_keys") + keys + "a";
  return text.write();
}

// disclose puts invented payloads in the place of redactions.
std::string disclose(const Seed& seed, Rng& rng) {
  if (seed.text.manifest.left_out.empty()) return {};
  BundleText text = seed.text;
  text.members["frames"] = seed.invented.members.at("frames");
  text.members["frame_keys"] = seed.invented.members.at("frame_keys");
  if (below(rng, 2) == 0) text.manifest.left_out.clear();
  return text.write();
}

// redact leaves out the payload of one frame and puts `commitment` in its place.
std::string redact(const Seed& seed, Rng& rng, bool is_right) {
  if (!seed.text.manifest.left_out.empty()) return {};
  BundleText text = seed.text;
  std::vector<std::string> frames = frames_of(text.members["frames"]);
  const size_t at = below(rng, frames.size());
  std::string& keys = text.members["frame_keys"];
  ByteReader reader(frames[at]);
  Frame frame;
  CHECK(get_frame(&reader, &frame), at);
  const std::string_view key = std::string_view(keys).substr(at * kCommitKeyBytes, kCommitKeyBytes);
  const auto bytes = static_cast<uint32_t>(frame.payload.size());
  frame.absent = AbsentPayload{bytes, is_right ? hmac_sha256(key, frame.payload) : Hash{}};
  frame.payload.clear();
  frames[at].clear();
  put_frame(&frames[at], frame);
  keys.erase(at * kCommitKeyBytes, kCommitKeyBytes);
  text.members["frames"] = joined(frames);
  text.manifest.left_out = {{static_cast<uint16_t>(frame.kind), 1, bytes}};
  if (is_right && text.manifest.version == FormatVersion::k1) return {};
  return text.write();
}

std::string redact_wrongly(const Seed& seed, Rng& rng) { return redact(seed, rng, false); }
std::string redact_rightly(const Seed& seed, Rng& rng) { return redact(seed, rng, true); }

std::string hide_redaction(const Seed& seed, Rng& rng) {
  if (seed.text.manifest.left_out.empty()) return {};
  BundleText text = seed.text;
  LeftOut& first = text.manifest.left_out[0];
  switch (below(rng, 4)) {
    case 0:
      text.manifest.left_out.clear();
      break;
    case 1:
      first.frames++;
      break;
    case 2:
      first.bytes++;
      break;
    default:
      first.kind = 2000;
      text.manifest.left_out = {first};
  }
  return text.write();
}

}  // namespace

std::vector<Kind> frame_kinds() {
  return {{"cut_frames", cut_frames},
          {"add_frame", add_frame},
          {"swap_frames", swap_frames},
          {"frames_of_another_session", frames_of_another_session},
          {"swap_keys", swap_keys},
          {"wrong_count_of_keys", wrong_count_of_keys},
          {"disclose", disclose},
          {"redact_wrongly", redact_wrongly},
          {"redact_rightly", redact_rightly, false},
          {"hide_redaction", hide_redaction}};
}

}  // namespace gatetape::mutations
