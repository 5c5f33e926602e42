#include "tools/cli/bundle_views.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "client/covered_session.h"
#include "client/frame_json.h"
#include "client/frame_role.h"
#include "client/session_view.h"
#include "tools/cli/share_file.h"

namespace gatetape::tools {
namespace {

// Largest recording that is put into player.html, in bytes. A browser keeps the whole page in
// memory; a larger recording is in session.cast alone.
constexpr uint64_t kPlayerCastBytesMax = uint64_t{32} << 20;
// Most channels that have a recording of their own, so that no session makes files without end.
constexpr size_t kCastsMax = 64;
// Most rows of coverage.json, and most events of player.html, which are kept in memory. A session
// with more of them has no such view.
constexpr size_t kRowsMax = 100'000;

constexpr char kCast[] = "session.cast";
constexpr char kEvents[] = "events.ndjson";
constexpr char kCoverage[] = "coverage.json";
constexpr char kPlayer[] = "player.html";
constexpr char kVerifier[] = "verify.py";
constexpr char kReadme[] = "README.txt";

std::string cast_name(uint32_t channel, uint32_t first) {
  return channel == first ? kCast : absl::StrCat("channel-", channel, ".cast");
}

}  // namespace

absl::StatusOr<std::unique_ptr<BundleViews>> BundleViews::create(const audit::v1::Session& session,
                                                                 const std::string& folder) {
  std::unique_ptr<BundleViews> views(new BundleViews(session, folder));
  auto player = read_share_file(kPlayerFile);
  if (!player.ok()) return player.status();
  const auto verifier = read_share_file(kVerifierFile);
  if (!verifier.ok()) return verifier.status();
  views->player_template_ = *std::move(player);
  if (absl::Status status = views->write(kVerifier, *verifier); !status.ok()) return status;
  if (absl::Status status = views->write(kEvents, ""); !status.ok()) return status;
  return views;
}

absl::Status BundleViews::write(const std::string& name, std::string_view bytes) {
  auto file = files_.find(name);
  if (file == files_.end()) {
    auto made = SpoolFile::create(folder_);
    if (!made.ok()) return made.status();
    file = files_.emplace(name, *std::move(made)).first;
  }
  return file->second.append(bytes);
}

absl::Status BundleViews::add(const Frame& frame) {
  add_to_cast(frame);
  if (!failed_.ok()) return failed_;
  if (rows_ && (!coverage_.add(frame).ok() || rows_->size() > kRowsMax)) rows_.reset();
  if (is_bytes(frame.kind)) return absl::OkStatus();
  if (page_.events.size() < kRowsMax) client::add_player_event(frame, &page_.events);
  return write(kEvents, client::frame_json(frame) + "\n");
}

// A frame without its payload is not in a recording, which shows less then.
void BundleViews::add_to_cast(const Frame& frame) {
  if (frame.channel == 0 || frame.absent) return;
  auto cast = casts_.find(frame.channel);
  if (cast == casts_.end()) {
    if (casts_.size() == kCastsMax) return;
    if (first_channel_ == 0) first_channel_ = frame.channel;
    const client::CastOptions options{
        .started_at_unix_ns = session_.started_at_unix_ns(),
        .title = printable(session_.user() + ": " + session_.login() + "@" + session_.target()),
        .with_input = true};
    const std::string name = cast_name(frame.channel, first_channel_);
    cast = casts_
               .try_emplace(frame.channel, options,
                            [this, name](const std::string& line) {
                              const absl::Status status = write(name, line);
                              if (failed_.ok()) failed_ = status;
                            })
               .first;
  }
  cast->second.add(frame);
  if (frame.channel == first_channel_ && client::is_shown(frame) &&
      page_.text.size() < kPlayerCastBytesMax)
    page_.text += text_filter_.feed(frame.payload);
}

absl::Status BundleViews::finish(const std::string& readme) {
  for (auto& [channel, cast] : casts_) cast.finish();
  if (!failed_.ok()) return failed_;
  if (rows_) {
    coverage_.finish();
    if (absl::Status status = write(kCoverage, coverage_json()); !status.ok()) return status;
  }
  if (absl::Status status = write_player(); !status.ok()) return status;
  return write(kReadme, readme);
}

std::string BundleViews::coverage_json() const {
  std::vector<CoverageRow> rows = *rows_;
  std::sort(rows.begin(), rows.end(),
            [](const CoverageRow& a, const CoverageRow& b) { return a.seq < b.seq; });
  const std::vector<client::Column> columns = client::coverage_columns();
  client::Json all = client::Json::array();
  for (const CoverageRow& row : rows) {
    client::Json object = client::Json::object();
    const auto cells = client::coverage_cells(row);
    for (size_t i = 0; i < columns.size(); i++) object[columns[i].name] = cells[i].value;
    all.push_back(object);
  }
  return client::as_ascii(all) + "\n";
}

absl::Status BundleViews::write_player() {
  const auto cast = files_.find(kCast);
  if (cast == files_.end() || cast->second.size() > kPlayerCastBytesMax) return absl::OkStatus();
  auto recording = cast->second.read_at(0, static_cast<size_t>(cast->second.size()));
  if (!recording.ok()) return recording.status();
  page_.session_id = client::id_text(session_.session_id());
  page_.user = session_.user();
  page_.login = session_.login();
  page_.target = session_.target();
  page_.source = session_.source();
  page_.started_at_unix_ns = session_.started_at_unix_ns();
  page_.ended_at_unix_ns = session_.ended_at_unix_ns();
  page_.cast = *std::move(recording);
  page_.text += text_filter_.flush();
  const auto html = client::html_player(player_template_, page_);
  return html.ok() ? write(kPlayer, *html) : html.status();
}

}  // namespace gatetape::tools
