#include "client/html_player.h"

#include <array>
#include <utility>

#include "absl/strings/str_replace.h"
#include "base/bytes.h"
#include "base/text_escape.h"
#include "client/output.h"
#include "client/times.h"

namespace gatetape::client {
namespace {

Json facts_of(const PlayerPage& page) {
  const auto time = [](int64_t unix_ns) { return format_rfc3339(unix_ns, false); };
  const int64_t end_ns = page.ended_at_unix_ns;
  Json facts = Json::array();
  const auto add = [&facts](const char* name, const std::string& value) {
    if (!value.empty()) facts.push_back({name, value});
  };
  add("Session", escape_text(page.session_id));
  add("Who", escape_text(page.user));
  add("Where", escape_text(page.target));
  add("Account there", escape_text(page.login));
  add("From", escape_text(page.source));
  add("Started", time(page.started_at_unix_ns));
  add("Ended", end_ns == 0 ? "not yet, when this page was made" : time(end_ns));
  if (end_ns != 0) add("Duration", format_span(end_ns - page.started_at_unix_ns));
  return facts;
}

// json_for_html returns JSON that can stand inside a script element: neither a tag nor a comment
// can begin in it.
std::string json_for_html(const Json& value) {
  return absl::StrReplaceAll(as_ascii(value),
                             {{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}});
}

std::string header_of(const PlayerPage& page) {
  Json events = Json::array();
  for (const PlayerEvent& event : page.events) {
    const uint64_t offset_ms = event.offset_ns / 1'000'000;
    events.push_back(
        {{"seconds", static_cast<double>(offset_ms) / 1000}, {"text", escape_text(event.text)}});
  }
  const std::string title = escape_text(page.user + ": " + page.login + "@" + page.target);
  return json_for_html({{"title", title}, {"facts", facts_of(page)}, {"events", events}});
}

}  // namespace

absl::StatusOr<std::string> html_player(std::string_view html_template, const PlayerPage& page) {
  const std::array<std::pair<std::string_view, std::string>, 3> parts = {{
      {"@GATETAPE_HEADER@", header_of(page)},
      {"@GATETAPE_CAST@", to_base64(page.cast)},
      {"@GATETAPE_TEXT@", to_base64(page.text)},
  }};
  // Each marker is searched in the template alone, so that a marker in a name stays text.
  std::string html;
  std::string_view rest = html_template;
  for (const auto& [marker, value] : parts) {
    const size_t at = rest.find(marker);
    if (at == std::string_view::npos)
      return absl::FailedPreconditionError("player.html has no " + std::string(marker) +
                                           ": install the one of this version");
    html.append(rest.substr(0, at)).append(value);
    rest.remove_prefix(at + marker.size());
  }
  return html.append(rest);
}

}  // namespace gatetape::client
