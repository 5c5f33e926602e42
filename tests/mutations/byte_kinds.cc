#include "tests/mutations/kinds.h"
#include "tests/mutations/raw_bundle.h"

namespace gatetape::mutations {
namespace {

std::string flip(const Seed& seed, Rng& rng) {
  std::string file = seed.text.write();
  file[below(rng, file.size())] ^= static_cast<char>(1 << below(rng, 8));
  return file;
}

// flip_in_header changes a byte of the header of a member, where most bytes are zero.
std::string flip_in_header(const Seed& seed, Rng& rng) {
  std::string file = seed.text.write();
  std::vector<size_t> headers;
  for (size_t at = 0; at < file.size(); at += kArchiveBlockBytes)
    if (file.compare(at + 257, 5, "ustar") == 0) headers.push_back(at);
  const size_t at = headers[below(rng, headers.size())] + below(rng, kArchiveBlockBytes);
  file[at] ^= static_cast<char>(1 << below(rng, 8));
  return file;
}

// cut_at_border ends the file where a block ends.
std::string cut_at_border(const Seed& seed, Rng& rng) {
  const std::string file = seed.text.write();
  return file.substr(0,
                     kArchiveBlockBytes * (1 + below(rng, file.size() / kArchiveBlockBytes - 1)));
}

std::string cut_anywhere(const Seed& seed, Rng& rng) {
  const std::string file = seed.text.write();
  return file.substr(0, 1 + below(rng, file.size() - 1));
}

std::string append_block(const Seed& seed, Rng& rng) {
  return seed.text.write() + std::string(1 + below(rng, 2 * kArchiveBlockBytes), '\0');
}

// is_judged returns true for members whose every byte a verdict depends on.
bool is_judged(const RawMember& member) {
  return member.name != "checkpoint" && !member.name.starts_with("views/");
}

// flip_member changes a bit of a member, and writes a manifest that fits.
std::string flip_member(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  RawMember& member = bundle.members[below(rng, bundle.members.size())];
  if (!is_judged(member) || member.content.empty()) return {};
  member.content[below(rng, member.content.size())] ^= static_cast<char>(1 << below(rng, 8));
  return bundle.write();
}

std::string flip_checkpoint(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  std::string& text = bundle.find("checkpoint")->content;
  text[below(rng, text.size())] ^= static_cast<char>(1 << below(rng, 8));
  return bundle.write();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

// edit_text changes the lines or the numbers of a text.
std::string edit_text(const std::string& text, Rng& rng) {
  std::vector<std::string> lines = lines_of(text);
  std::string& line = lines[below(rng, lines.size())];
  std::string& other = lines[below(rng, lines.size())];
  char& character = line[below(rng, line.size())];
  switch (below(rng, 6)) {
    case 0:
      line.clear();
      break;
    case 1:
      line += line;
      break;
    case 2:
      std::swap(line, other);
      break;
    case 3:
      character = static_cast<char>('0' + below(rng, 10));
      break;
    case 4:
      line.insert(below(rng, line.size()), " ");
      break;
    default:
      line.insert(0, 1, static_cast<char>('0' + below(rng, 10)));
  }
  return joined(lines);
}

bool is_text(const RawMember& member) {
  return member.name == "head" || member.name.starts_with("entries/") ||
         member.name.starts_with("lines/");
}

std::string edit_member(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  RawMember& member = bundle.members[below(rng, bundle.members.size())];
  if (!is_text(member)) return {};
  member.content = edit_text(member.content, rng);
  return unless_same(seed, bundle.write());
}

std::string edit_checkpoint(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  std::string& text = bundle.find("checkpoint")->content;
  text = edit_text(text, rng);
  return unless_same(seed, bundle.write());
}

std::string edit_view(const Seed& seed, Rng&) {
  RawBundle bundle = RawBundle::of(seed.text);
  bundle.find("views/README.txt")->content += "All of it is true.\n";
  return bundle.write();
}

// edit_manifest changes a line of the manifest that a verdict depends on.
std::string edit_manifest(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  std::vector<std::string> lines = lines_of(bundle.head);
  if (below(rng, 6) == 0) {
    bundle.tail = lines[below(rng, lines.size())];
  } else {
    std::string& line = lines[below(rng, lines.size())];
    if (line.starts_with("created")) return {};
    line[below(rng, line.size())] = static_cast<char>('0' + below(rng, 10));
    bundle.head = joined(lines);
  }
  return unless_same(seed, bundle.write());
}

std::string edit_created(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  bundle.head.insert(bundle.head.find("created ") + 8, 1, static_cast<char>('0' + below(rng, 10)));
  return bundle.write();
}

}  // namespace

std::vector<Kind> byte_kinds() {
  return {{"flip", flip},
          {"flip_in_header", flip_in_header},
          {"cut_at_border", cut_at_border},
          {"cut_anywhere", cut_anywhere},
          {"append_block", append_block},
          {"flip_member", flip_member},
          {"flip_checkpoint", flip_checkpoint, false},
          {"edit_member", edit_member},
          {"edit_checkpoint", edit_checkpoint, false},
          {"edit_view", edit_view, false},
          {"edit_manifest", edit_manifest},
          {"edit_created", edit_created, false}};
}

}  // namespace gatetape::mutations
