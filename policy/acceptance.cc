#include "policy/acceptance.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace gatetape {
namespace {

constexpr std::string_view kBy = "by ";
constexpr std::string_view kSeparator = ": ";

}  // namespace

absl::Status Acceptance::check() const {
  if (reason.empty()) return absl::InvalidArgumentError("the reason is empty");
  if (reason.size() > kReasonBytesMax)
    return absl::InvalidArgumentError("the reason has more than 1024 bytes");
  if (printable(reason) != reason)
    return absl::InvalidArgumentError("the reason is not one line of text");
  return absl::OkStatus();
}

std::string Acceptance::to_text() const { return absl::StrCat("by ", by, ": ", reason, "\n"); }

absl::StatusOr<Acceptance> Acceptance::parse(std::string_view text) {
  const size_t separator = text.find(kSeparator);
  if (!text.starts_with(kBy) || separator == std::string_view::npos || !text.ends_with('\n'))
    return absl::InvalidArgumentError("not a line `by NAME: REASON`");
  Acceptance acceptance{std::string(text.substr(kBy.size(), separator - kBy.size())),
                        std::string(text.substr(separator + kSeparator.size()))};
  acceptance.reason.pop_back();
  if (absl::Status status = acceptance.check(); !status.ok()) return status;
  return acceptance;
}

std::string acceptance_file(const std::string& checkpoint_file) {
  return checkpoint_file + ".accept";
}

std::string refusal_file(const std::string& checkpoint_file) {
  return checkpoint_file + ".refused";
}

}  // namespace gatetape
