// The tar archive of a bundle, of which each file has exactly one form (docs/FORMAT.md section
// 10.1). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatetape {

constexpr size_t kArchiveBlockBytes = 512;
// An archive ends with two blocks of zero bytes.
constexpr size_t kArchiveEndBytes = 2 * kArchiveBlockBytes;
// Largest member, in bytes: 11 octal digits.
constexpr uint64_t kArchiveMemberBytesMax = (uint64_t{1} << 33) - 1;

// archive_header returns the header of a member, one block. A name of no or more than 99 bytes and
// a size over kArchiveMemberBytesMax fail a CHECK.
std::string archive_header(std::string_view name, uint64_t size);
// archive_padding returns the number of zero bytes after a content of `size` bytes.
inline uint64_t archive_padding(uint64_t size) {
  return (kArchiveBlockBytes - size % kArchiveBlockBytes) % kArchiveBlockBytes;
}
// parse_archive_size reads the size out of the header of the member `name`. It returns false unless
// `header` is what archive_header returns for this name and some size.
bool parse_archive_size(std::string_view header, std::string_view name, uint64_t* size);

}  // namespace gatetape
