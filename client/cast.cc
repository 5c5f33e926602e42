#include "client/cast.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/bytes.h"
#include "client/frame_role.h"
#include "client/output.h"
#include "client/screen_size.h"
#include "formats/ssh_request.h"
#include "record/event.h"

namespace gatetape::client {

CastWriter::CastWriter(CastOptions options, std::function<void(const std::string&)> write)
    : options_(std::move(options)), write_(std::move(write)) {}

void CastWriter::add(const Frame& frame) {
  last_offset_ns_ = frame.offset_ns;
  newlines_.note(frame);
  switch (role_of(frame.kind)) {
    case FrameRole::kShown: {
      Utf8Stream& stream = frame.kind == FrameKind::kErr ? err_ : out_;
      return write_event(frame.offset_ns, "o", stream.feed(newlines_.feed(frame.payload)));
    }
    case FrameRole::kTyped:
      if (options_.with_input) write_event(frame.offset_ns, "i", in_.feed(frame.payload));
      return;
    case FrameRole::kRequest:
      return add_request(frame);
    case FrameRole::kOpening:
    case FrameRole::kTarget:
    case FrameRole::kOther:
      return;
  }
}

void CastWriter::finish() {
  write_header();
  write_event(last_offset_ns_, "o", out_.flush());
  write_event(last_offset_ns_, "o", err_.flush());
  write_event(last_offset_ns_, "i", in_.flush());
}

void CastWriter::add_request(const Frame& frame) {
  const auto event = Event::decode(frame.payload);
  if (!event.ok()) return;
  const std::optional<ScreenSize> size = screen_size_of(frame.kind, *event);
  if (!size) return;
  const std::string_view name = event->get("request");
  if (name == "pty-req" && !header_written_) {
    term_ = printable(parse_ssh_request(name, event->get("data"))->term);
    columns_ = size->columns;
    rows_ = size->rows;
  } else if (name == "window-change") {
    write_event(frame.offset_ns, "r", absl::StrCat(size->columns, "x", size->rows));
  }
}

void CastWriter::write_event(uint64_t offset_ns, const char* code, const std::string& data) {
  if (data.empty()) return;
  write_header();
  const std::string time =
      absl::StrFormat("%d.%06d", offset_ns / 1'000'000'000, offset_ns / 1000 % 1'000'000);
  write_("[" + time + ", \"" + code + "\", " + as_ascii(data) + "]\n");
}

void CastWriter::write_header() {
  if (std::exchange(header_written_, true)) return;
  Json header = {{"version", 2}, {"width", columns_}, {"height", rows_}};
  header["timestamp"] = options_.started_at_unix_ns / 1'000'000'000;
  header["title"] = options_.title;
  header["env"] = {{"TERM", term_}};
  write_(as_ascii(header) + "\n");
}

}  // namespace gatetape::client
