#include <optional>

#include "absl/strings/str_cat.h"
#include "client/html_player.h"
#include "formats/ssh_request.h"
#include "record/event.h"

namespace gatetape::client {
namespace {

// unescaped keeps the bytes of a peer, because html_player escapes the whole sentence.
std::string unescaped(std::string_view bytes) { return std::string(bytes); }

std::string with_detail(const std::string& before, const std::string& detail) {
  return detail.empty() ? before : before + ": " + detail;
}

std::string request_by_user(const Event& event) {
  const std::string name(event.get("request"));
  const auto request = parse_ssh_request(name, event.get("data"));
  if (name == "window-change") return "";
  if (name == "shell") return "A shell was started: the user types commands into it.";
  if (name == "exec" && request.ok()) return "Command: " + request->command;
  if (name == "pty-req" && request.ok())
    return absl::StrCat("A terminal of ", request->columns, " columns and ", request->rows,
                        " rows was opened.");
  return with_detail("Request " + name, request.ok() ? describe(*request, unescaped) : "");
}

std::string request_by_target(const Event& event) {
  const std::string name(event.get("request"));
  const auto request = parse_ssh_request(name, event.get("data"));
  if (name == "exit-status" && request.ok())
    return absl::StrCat("The program ended with exit status ", request->exit_status, ".");
  return with_detail("The target sent " + name, request.ok() ? describe(*request, unescaped) : "");
}

// sentence_of returns an empty text for a kind that the list leaves out.
std::string sentence_of(FrameKind kind, const Event& event) {
  const auto get = [&event](std::string_view key) { return std::string(event.get(key)); };
  if (kind == FrameKind::kSessionOpen)
    return absl::StrCat(get("user"), " opened a session on ", get("target"), " as ", get("login"),
                        ", from ", get("source"), ".");
  if (kind == FrameKind::kTargetConnect)
    return absl::StrCat("The gateway connected to the target at ", get("address"), ".");
  if (kind == FrameKind::kTargetFail)
    return with_detail(absl::StrCat("The target failed (", get("reason"), ")"), get("detail"));
  if (kind == FrameKind::kBanner) return absl::StrCat("The target showed: ", get("text"));
  if (kind == FrameKind::kRequestIn) return request_by_user(event);
  if (kind == FrameKind::kRequestOut) return request_by_target(event);
  if (kind == FrameKind::kDenied)
    return with_detail(absl::StrCat("Denied: ", get("what"), " ", get("name")), get("reason"));
  if (kind == FrameKind::kNotice) return absl::StrCat("The gateway showed: ", get("text"));
  if (kind == FrameKind::kSessionEnd)
    return with_detail(absl::StrCat("The session ended (", get("reason"), ")"), get("detail"));
  return "";
}

}  // namespace

void add_player_event(const Frame& frame, std::vector<PlayerEvent>* events) {
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  if (is_bytes(frame.kind) || frame.absent || !event.ok()) return;
  std::string text = sentence_of(frame.kind, *event);
  if (!text.empty()) events->push_back({frame.offset_ns, std::move(text)});
}

}  // namespace gatetape::client
