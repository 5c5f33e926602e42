// RawBundle: the file of a bundle with members in any order and any lines in the manifest, as a
// forger writes it. The hashes of the manifest are always right. One thread.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "bundle/archive.h"
#include "bundle/manifest.h"
#include "record/batch.h"
#include "tests/support/bundle_maker.h"

namespace gatetape::mutations {

struct RawMember {
  std::string name;
  std::string content;
};

struct RawBundle {
  std::string head;  // the lines of the manifest before those of the members
  std::vector<RawMember> members;
  std::string tail;  // lines after those of the members

  static RawBundle of(const BundleText& text) {
    RawBundle raw;
    const std::string manifest = text.manifest.to_text();
    raw.head = manifest.substr(0, manifest.rfind("manifest "));
    const std::string file = text.write();
    const auto written = Manifest::parse(file.substr(kArchiveBlockBytes, manifest_bytes(file)));
    for (const Member& member : written->members)
      raw.members.push_back({member.name, text.members.at(member.name)});
    return raw;
  }

  std::string write() const {
    std::string manifest = head, file;
    for (const RawMember& member : members)
      manifest += Member{sha256(member.content), member.content.size(), member.name}.to_line();
    manifest += tail;
    manifest += "manifest " + to_hex(view(sha256(manifest))) + "\n";
    append(&file, kManifestName, manifest);
    for (const RawMember& member : members) append(&file, member.name, member.content);
    return file + std::string(kArchiveEndBytes, '\0');
  }
  // find returns the member of a name, or nullptr.
  RawMember* find(std::string_view name) {
    const auto is_it = [name](const RawMember& member) { return member.name == name; };
    const auto found = std::find_if(members.begin(), members.end(), is_it);
    return found == members.end() ? nullptr : &*found;
  }

  static uint64_t manifest_bytes(std::string_view file) {
    uint64_t size = 0;
    const bool ok = parse_archive_size(file.substr(0, kArchiveBlockBytes), kManifestName, &size);
    CHECK(ok, file.size());
    return size;
  }

 private:
  static void append(std::string* file, std::string_view name, const std::string& content) {
    *file += archive_header(name, content.size()) + content +
             std::string(archive_padding(content.size()), '\0');
  }
};

// frames_of returns the stored form of each frame of the member `frames`.
inline std::vector<std::string> frames_of(std::string_view member) {
  std::vector<std::string> frames;
  while (!member.empty()) {
    ByteReader reader(member);
    Frame frame;
    CHECK(get_frame(&reader, &frame), frames.size());
    const size_t size = member.size() - reader.rest().size();
    frames.emplace_back(member.substr(0, size));
    member.remove_prefix(size);
  }
  return frames;
}

inline std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

}  // namespace gatetape::mutations
