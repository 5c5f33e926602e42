// How a session is shown: its columns and cells, the same in every verb. Main thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/context.h"
#include "client/output.h"
#include "gatetape/audit/v1/audit.pb.h"

namespace gatetape {

// session_columns gives the columns for sessions of a kind; programs get the same of all kinds.
std::vector<Column> session_columns(const std::string& kind);
// session_cells gives one cell a column of session_columns. `now_ns` is for the length of live
// ones.
std::vector<Cell> session_cells(const audit::v1::Session& session, const Context& context,
                                int64_t now_ns);
// id_text gives the UUID of 16 bytes; what came instead of one in hexadecimal.
std::string id_text(const std::string& session_id);
// time_cell gives RFC 3339 for programs and a shorter form for people; null and "-" for 0.
Cell time_cell(int64_t unix_ns, const Context& context);
// pick_channel settles which channel is meant: the one asked for, or with 0 the only one. NOT_FOUND
// when there is no such channel, INVALID_ARGUMENT when there are several to choose from; 0 when
// there is none.
absl::StatusOr<uint32_t> pick_channel(const audit::v1::SessionDetail& detail, uint32_t asked);
// verdict_word gives intact, tampered or unsigned.
std::string verdict_word(const audit::v1::Verdict& verdict);
const char* verdict_color(const audit::v1::Verdict& verdict);

}  // namespace gatetape
