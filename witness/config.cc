#include "witness/config.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/toml.h"

namespace gatetape::witness {
namespace {

void make_absolute(const std::string& dir, std::string* path) {
  if (!path->empty()) *path = (std::filesystem::path(dir) / *path).lexically_normal().string();
}

absl::Status check_required(const TomlTable& table) {
  for (const char* key : {"name", "key", "listen", "state_dir"})
    if (!table.has(key)) return table.error(table.line(), absl::StrCat("`", key, "` is missing"));
  return absl::OkStatus();
}

absl::Status check_values(const TomlTable& table, const WitnessConfig& config) {
  if (!is_key_name(config.name))
    return table.error(table.line("name"),
                       "`name` is no key name: it has no space, plus sign or control character");
  const std::string_view levels[] = {"debug", "info", "warn", "error"};
  if (std::find(std::begin(levels), std::end(levels), config.log_level) == std::end(levels))
    return table.error(table.line("log_level"), "`log_level` is debug, info, warn or error");
  return absl::OkStatus();
}

// read_tls reads the table [tls]. Both files are given or none.
absl::Status read_tls(TomlTable table, WitnessConfig* config) {
  table.get("certificate", &config->certificate);
  table.get("key", &config->certificate_key);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (config->certificate.empty() != config->certificate_key.empty())
    return table.error(table.line(), "[tls] needs `certificate` and `key`");
  return absl::OkStatus();
}

// read_log reads one table [[log]].
absl::Status read_log(TomlTable table, WitnessConfig* config) {
  std::vector<std::string> lines;
  table.get("keys", &lines);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (lines.empty())
    return table.error(table.line(), "[[log]] needs `keys`, which `gatetape log key` prints");
  for (const std::string& line : lines) {
    const absl::StatusOr<VerifierKey> key = VerifierKey::from_text(line);
    if (!key.ok() || key->type != NoteKeyType::kEd25519)
      return table.error(table.line("keys"),
                         absl::StrCat(printable(line), " is no verifier key of a log"));
    config->logs.push_back(*key);
  }
  return absl::OkStatus();
}

absl::Status read_logs(TomlTable* table, WitnessConfig* config) {
  for (TomlTable& log : table->tables("log"))
    if (absl::Status status = read_log(log, config); !status.ok()) return status;
  if (config->logs.empty()) return table->error(table->line(), "there is no [[log]] to cosign");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WitnessConfig> WitnessConfig::parse(std::string_view text, const std::string& path) {
  absl::StatusOr<TomlTable> table = TomlTable::parse(text, path);
  if (!table.ok()) return table.status();
  WitnessConfig config;
  table->get("name", &config.name);
  table->get("key", &config.key);
  table->get("listen", &config.listen);
  table->get("state_dir", &config.state_dir);
  table->get("log_level", &config.log_level);
  absl::Status status = read_tls(table->table("tls"), &config);
  if (status.ok()) status = read_logs(&*table, &config);
  if (status.ok()) status = table->finish();
  if (status.ok()) status = check_required(*table);
  if (status.ok()) status = check_values(*table, config);
  if (!status.ok()) return status;
  const std::string dir = std::filesystem::absolute(path).parent_path().string();
  for (std::string* file :
       {&config.key, &config.state_dir, &config.certificate, &config.certificate_key})
    make_absolute(dir, file);
  return config;
}

absl::StatusOr<WitnessConfig> WitnessConfig::load(const std::string& path) {
  const absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok()) return text.status();
  return parse(*text, path);
}

}  // namespace gatetape::witness
