// The columns and cells of a session, the same in every verb. Main thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/context.h"
#include "client/output.h"
#include "client/screen_size.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/frame.h"

namespace gatetape::client {

// session_columns returns the columns for sessions of a kind. Programs get the same columns for
// every kind.
std::vector<Column> session_columns(const std::string& kind);
// session_cells returns one cell per column of session_columns. `now_ns` is the end of a session
// that is still live.
std::vector<Cell> session_cells(const audit::v1::Session& session, const Context& context,
                                int64_t now_ns);
// id_text returns 16 bytes as a UUID, and any other bytes in hexadecimal.
std::string id_text(const std::string& session_id);
// time_cell returns RFC 3339 for programs and a shorter form for people; null and "-" for 0.
Cell time_cell(int64_t unix_ns, const Context& context);
// pick_channel returns the channel that was asked for; when that is 0, the only channel of the
// session, or 0 when it has none. NOT_FOUND when there is no such channel, INVALID_ARGUMENT when 0
// was asked for and there are several.
absl::StatusOr<uint32_t> pick_channel(const audit::v1::SessionDetail& detail, uint32_t asked);
// fields_of returns the fields of an event.
Event fields_of(const audit::v1::Event& event);
// largest_screen returns the most columns and the most rows that the terminal of a channel had,
// nothing when it had no terminal. Events that were cut do not count.
std::optional<ScreenSize> largest_screen(const audit::v1::SessionDetail& detail, uint32_t channel);
// OpenedChannels collects the channels of a session while all its frames are read.
class OpenedChannels {
 public:
  void add(const Frame& frame);
  // check returns NOT_FOUND, with the channels that were opened, when `asked` is not one of them. 0
  // asks for no channel.
  absl::Status check(uint32_t asked) const;

 private:
  std::vector<uint32_t> channels_;
};
// verdict_word returns intact, tampered or unsigned. verdict_color returns its SGR parameter.
std::string verdict_word(const audit::v1::Verdict& verdict);
const char* verdict_color(const audit::v1::Verdict& verdict);

}  // namespace gatetape::client
