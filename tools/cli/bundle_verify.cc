#include "tools/cli/bundle_verify.h"

#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/os/spool_file.h"
#include "bundle/verify.h"
#include "client/output.h"

namespace gatetape::tools {
namespace {

// A file of keys is a few lines; more is not read.
constexpr uint64_t kKeysBytesMax = uint64_t{1} << 20;

absl::Status wrong_usage(const absl::Status& status) {
  return absl::InvalidArgumentError(absl::string_view(status.message()));
}

absl::StatusOr<BundleKeys> read_keys(const std::string& path) {
  const auto source = FileSource::open(path);
  if (!source.ok()) return wrong_usage(source.status());
  if (source->size() > kKeysBytesMax)
    return absl::InvalidArgumentError(path + " is too large for a file of keys");
  const auto text = source->read_at(0, static_cast<size_t>(source->size()));
  if (!text.ok()) return wrong_usage(text.status());
  auto keys = BundleKeys::parse(*text);
  if (keys.ok()) return keys;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", absl::string_view(keys.status().message())));
}

const char* color_of(Judgement judgement) {
  switch (judgement) {
    case Judgement::kGood:
      return "32";
    case Judgement::kBad:
      return "31";
    case Judgement::kUnknown:
      return "33";
  }
  return nullptr;
}

absl::Status print(const BundleReport& report, const std::string& format, bool color) {
  if (format == "table") {
    for (const BundleVerdict& verdict : report.verdicts)
      std::printf("%s\n", verdict.to_line().c_str());
    return absl::OkStatus();
  }
  client::Output output(format, {{"name"}, {"verdict"}, {"reason"}}, color);
  for (const BundleVerdict& verdict : report.verdicts) {
    client::Cell word = client::Cell::of_text(judgement_word(verdict.judgement));
    word.color = color_of(verdict.judgement);
    output.add({client::Cell::of_text(verdict.name), word, client::Cell::of_text(verdict.reason)});
  }
  return output.finish();
}

}  // namespace

absl::Status verify_file(const std::string& file, const std::string& keys,
                         const std::string& format, client::Context& context) {
  if (absl::Status status = client::Output::check_format(format); !status.ok()) return status;
  const auto trusted = read_keys(keys);
  if (!trusted.ok()) return trusted.status();
  const auto source = FileSource::open(file);
  if (!source.ok()) return wrong_usage(source.status());
  const auto report = verify_bundle(*source, *trusted);
  if (!report.ok()) return wrong_usage(report.status());
  if (!report->is_proven()) context.exit_code = client::kExitTampered;
  return print(*report, format, context.color);
}

}  // namespace gatetape::tools
