#include "tools/cli/bundle_export.h"

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/os/replace_file.h"
#include "base/os/spool_file.h"
#include "bundle/frame_stream.h"
#include "bundle/manifest.h"
#include "bundle/member_name.h"
#include "bundle/write.h"
#include "client/audit_client.h"
#include "client/session_view.h"
#include "client/times.h"
#include "formats/age.h"
#include "tools/cli/bundle_readme.h"
#include "tools/cli/bundle_views.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;

absl::Status write_failed() {
  return absl::ResourceExhaustedError("the bundle could not be written: check the free space");
}

// BundleExport is one run of the verb.
class BundleExport {
 public:
  BundleExport(const BundleOptions& options, client::AuditClient& client)
      : options_(options), client_(client) {
    std::error_code error;  // a path that cannot be resolved fails when it is opened
    path_ = std::filesystem::weakly_canonical(std::filesystem::absolute(options.file), error);
    folder_ = path_.parent_path().string();
  }

  absl::Status run(const v1::ExportBundleRequest& request, const v1::Session& session) {
    auto views = BundleViews::create(session, folder_);
    if (!views.ok()) return views.status();
    if (absl::Status status = receive(request); !status.ok()) return status;
    if (absl::Status status = read_frames(**views); !status.ok()) return status;
    if (absl::Status status = (*views)->finish(readme_of(manifest_)); !status.ok()) return status;
    std::vector<Content> contents;
    for (const auto& [name, file] : members_) contents.push_back({name, &file});
    for (const auto& [name, file] : (*views)->files())
      contents.push_back({kViewsFolder + name, &file});
    return replace_file(path_.string(), 0600,
                        [&](std::FILE* file) { return write(contents, file); });
  }
  const Manifest& manifest() const { return manifest_; }
  uint64_t stored_frames() const { return stored_frames_; }

 private:
  // receive writes each member that auditd sends to a file of its own.
  absl::Status receive(const v1::ExportBundleRequest& request) {
    absl::Status kept;
    const absl::Status status = client_.export_bundle(request, [&](const v1::BundlePart& part) {
      kept = part.member().empty() ? keep_first(part) : keep(part);
      return kept.ok();
    });
    return status.ok() ? kept : status;
  }

  absl::Status keep_first(const v1::BundlePart& part) {
    const auto session = SessionId::from_bytes(part.session_id());
    if (!session.ok() || part.format_version() == 0 ||
        part.format_version() > static_cast<uint32_t>(kFormatVersion))
      return absl::UnimplementedError(
          "auditd sent a session of another format version: use the gatetape of its version");
    manifest_.session = *session;
    manifest_.version = static_cast<FormatVersion>(part.format_version());
    stored_frames_ = part.stored_frames();
    return absl::OkStatus();
  }

  absl::Status keep(const v1::BundlePart& part) {
    auto member = members_.find(part.member());
    if (member == members_.end()) {
      auto file = SpoolFile::create(folder_);
      if (!file.ok()) return file.status();
      member = members_.emplace(part.member(), *std::move(file)).first;
    }
    return member->second.append(part.data());
  }

  // read_frames counts the frames for the manifest, and makes the views of them.
  absl::Status read_frames(BundleViews& views) {
    const auto member = members_.find("frames");
    if (member == members_.end() || member->second.size() == 0)
      return absl::DataLossError("no frame of the session is stored: run `gatetape verify`");
    MemberReader reader(member->second, 0, member->second.size());
    FrameStream stream(reader);
    LeftOutCounts left_out;
    while (!stream.at_end()) {
      const auto frame = stream.next();
      if (!frame.ok()) return frame.status();
      manifest_.frames++;
      left_out.add(*frame);
      if (absl::Status status = views.add(*frame); !status.ok()) return status;
    }
    manifest_.left_out = left_out.all();
    manifest_.created_ns = static_cast<uint64_t>(system_clock().wall_ns());
    return absl::OkStatus();
  }

  absl::Status write(const std::vector<Content>& contents, std::FILE* file) {
    const auto to_file = [file](std::string_view bytes) {
      const bool ok = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
      return ok ? absl::OkStatus() : write_failed();
    };
    if (options_.recipient.empty()) return write_bundle(manifest_, contents, to_file);
    const auto recipient = parse_age_recipient(options_.recipient);
    if (!recipient.ok()) return recipient.status();
    auto age = AgeWriter::create(*recipient, to_file);
    if (!age.ok()) return age.status();
    const absl::Status status = write_bundle(
        manifest_, contents, [&age](std::string_view bytes) { return age->add(bytes); });
    return status.ok() ? age->finish() : status;
  }

  const BundleOptions& options_;
  client::AuditClient& client_;
  std::filesystem::path path_;  // of the bundle; a link stays a link
  std::string folder_;          // where files are kept while it is made
  Manifest manifest_;
  uint64_t stored_frames_ = 0;
  std::map<std::string, SpoolFile> members_;
};

// request_of reads the times. Every time without a zone is as `context` says.
absl::StatusOr<v1::ExportBundleRequest> request_of(const BundleOptions& options,
                                                   const client::Context& context) {
  const auto range = client::parse_range({.since = options.from, .until = options.to},
                                         system_clock().wall_ns(), context.local_time);
  if (!range.ok()) return range.status();
  v1::ExportBundleRequest request;
  request.set_without_input(options.without_input);
  request.set_from_unix_ns(range->since_ns);
  request.set_to_unix_ns(range->until_ns);
  return request;
}

void tell(const BundleOptions& options, const BundleExport& made) {
  const uint64_t frames = made.manifest().frames;
  uint64_t absent = 0;
  for (const LeftOut& kind : made.manifest().left_out) absent += kind.frames;
  if (absent > 0)
    std::fprintf(stderr, "%lu of %lu frames are redacted: the bundle has their commitments\n",
                 absent, frames);
  if (made.stored_frames() > frames)
    std::fprintf(stderr,
                 "frames %lu-%lu are not in the bundle: nothing that was signed names them yet\n",
                 frames + 1, made.stored_frames());
  if (options.recipient.empty())
    std::fprintf(stderr,
                 "%s is in clear: whoever has it reads the session; --recipient encrypts it\n",
                 options.file.c_str());
  else
    std::fprintf(stderr, "%s is encrypted for %s\n", options.file.c_str(),
                 options.recipient.c_str());
}

}  // namespace

absl::Status export_bundle(const BundleOptions& options, const client::Context& context) {
  if (options.file.empty())
    return absl::InvalidArgumentError("a bundle is a file: name it with --output-file");
  std::error_code error;
  const auto kind = std::filesystem::status(options.file, error).type();
  if (kind != std::filesystem::file_type::not_found && kind != std::filesystem::file_type::regular)
    return absl::InvalidArgumentError(options.file + " is not a regular file");
  if (!options.recipient.empty())
    if (const auto key = parse_age_recipient(options.recipient); !key.ok()) return key.status();
  auto request = request_of(options, context);
  if (!request.ok()) return request.status();
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::SessionDetail> detail = (*client)->get(options.id);
  if (!detail.ok()) return detail.status();
  request->set_id(client::id_text(detail->session().session_id()));
  BundleExport one(options, **client);
  if (absl::Status status = one.run(*request, detail->session()); !status.ok()) return status;
  tell(options, one);
  return absl::OkStatus();
}

}  // namespace gatetape::tools
