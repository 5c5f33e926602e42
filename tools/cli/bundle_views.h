// BundleViews: the claims that a bundle holds for people, made from its own frames, so that they
// show nothing that was left out (docs/FORMAT.md section 10.5). Main thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/spool_file.h"
#include "client/cast.h"
#include "client/html_player.h"
#include "client/text_filter.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/coverage.h"
#include "record/frame.h"

namespace gatetape::tools {

class BundleViews {
 public:
  // create makes the files in `folder`, and reads what gatetape installs for bundles. It fails with
  // NOT_FOUND when such a file is missing.
  static absl::StatusOr<std::unique_ptr<BundleViews>> create(const audit::v1::Session& session,
                                                             const std::string& folder);

  // add accepts the next frame of the bundle.
  absl::Status add(const Frame& frame);
  // finish makes the views that need all frames. `readme` is the text for whoever opens the bundle.
  absl::Status finish(const std::string& readme);
  // files returns each view by its name below views/. They live as long as this object.
  const std::map<std::string, SpoolFile>& files() const { return files_; }

 private:
  BundleViews(const audit::v1::Session& session, std::string folder)
      : session_(session), folder_(std::move(folder)) {}
  absl::Status write(const std::string& name, std::string_view bytes);
  void add_to_cast(const Frame& frame);
  std::string coverage_json() const;
  absl::Status write_player();

  const audit::v1::Session session_;
  const std::string folder_;
  std::map<std::string, SpoolFile> files_;
  absl::Status failed_;  // the first failure of a cast
  std::string player_template_;
  std::map<uint32_t, client::CastWriter> casts_;  // by channel, the first one is session.cast
  uint32_t first_channel_ = 0;                    // of session.cast; 0 = there is none
  client::TextFilter text_filter_;
  client::PlayerPage page_;
  // Rows of the coverage; nothing once a frame could not be judged because it is left out.
  std::optional<std::vector<CoverageRow>> rows_{std::in_place};
  Coverage coverage_{[this](const CoverageRow& row) {
    if (rows_) rows_->push_back(row);
  }};
};

}  // namespace gatetape::tools
