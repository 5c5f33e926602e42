#include "tools/cli/verb_export.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/os/replace_file.h"
#include "client/audit_client.h"
#include "client/cast.h"
#include "client/frame_json.h"
#include "client/frame_role.h"
#include "client/output.h"
#include "client/session_view.h"
#include "client/text_filter.h"
#include "tools/cli/bundle_export.h"
#include "tools/cli/verb_argument.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;

struct Options {
  std::string id;
  std::string format;
  std::string file;
  std::string stream = "out";
  uint32_t channel = 0;  // 0 = the only channel
  bool with_input = false;
  BundleOptions bundle;
};

using Writer = std::function<absl::Status(std::FILE* file)>;

// write_to_device writes to a path that is not a regular file, such as a pipe or /dev/null.
absl::Status write_to_device(const std::string& path, const Writer& write) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(fd < 0 ? nullptr : fdopen(fd, "wb"),
                                                             std::fclose);
  if (file != nullptr) return write(file.get());
  return absl::UnknownError("cannot write " + path + ": " + std::strerror(errno));
}

// write_file writes a file that only its owner may read, because a record is confidential. A link
// stays a link.
absl::Status write_file(const std::string& path, const Writer& write) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) return write_to_device(path, write);
  std::error_code error;
  return replace_file(std::filesystem::weakly_canonical(path, error).string(), 0600, write);
}

FrameKind kind_of_stream(const std::string& stream) {
  return stream == "in" ? FrameKind::kIn : stream == "err" ? FrameKind::kErr : FrameKind::kOut;
}

// Export is one run of the verb: one session to one file.
class Export {
 public:
  Export(const Options& options, const client::Context& context, client::AuditClient& client,
         std::FILE* file)
      : options_(options), context_(context), client_(client), file_(file) {}

  absl::Status run() {
    absl::StatusOr<v1::SessionDetail> detail = client_.get(options_.id);
    if (!detail.ok()) return detail.status();
    const v1::Session& session = detail->session();
    request_.set_id(client::id_text(session.session_id()));
    const bool all_channels = options_.format == "json" && options_.channel == 0;
    const auto channel = all_channels ? absl::StatusOr<uint32_t>(0)
                                      : client::pick_channel(*detail, options_.channel);
    if (!channel.ok()) return channel.status();
    channel_ = *channel;
    const absl::Status status = options_.format == "json"   ? as_json(session)
                                : options_.format == "cast" ? as_cast(session)
                                : options_.format == "raw"  ? as_raw()
                                                            : as_text();
    if (!status.ok()) return status;
    if (std::fflush(file_) == 0 && std::ferror(file_) == 0) return opened_.check(options_.channel);
    return absl::UnknownError(
        "the output could not be written: check the free space, or the program that reads it");
  }

 private:
  bool write(std::string_view bytes) {
    return std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
  }

  absl::Status read(const std::function<bool(const Frame&)>& each) {
    return client_.read(request_, [&](const Frame& frame) {
      opened_.add(frame);
      return each(frame);
    });
  }

  absl::Status as_json(const v1::Session& session) {
    client::Json facts = client::Json::object();
    const std::vector<client::Column> columns = client::session_columns(session.kind());
    const auto cells = client::session_cells(session, context_, system_clock().wall_ns());
    for (size_t i = 0; i < columns.size(); ++i) facts[columns[i].name] = cells[i].value;
    write("{\"session\": " + client::as_ascii(facts) + ",\n\"frames\": [");
    const char* separator = "\n";
    const absl::Status status = read([&](const Frame& frame) {
      write(std::exchange(separator, ",\n"));
      return write(client::frame_json(frame));
    });
    write("\n]}\n");
    return status;
  }

  absl::Status as_cast(const v1::Session& session) {
    const client::CastOptions options{
        .started_at_unix_ns = session.started_at_unix_ns(),
        .title = printable(session.user() + ": " + session.login() + "@" + session.target()),
        .with_input = options_.with_input};
    client::CastWriter cast(options, [this](const std::string& line) { write(line); });
    const absl::Status status = read([&](const Frame& frame) {
      if (frame.channel == channel_) cast.add(frame);
      return std::ferror(file_) == 0;
    });
    if (status.ok()) cast.finish();
    return status;
  }

  absl::Status as_raw() {
    const FrameKind kind = kind_of_stream(options_.stream);
    return read([&](const Frame& frame) {
      return frame.channel != channel_ || frame.kind != kind || write(frame.payload);
    });
  }

  absl::Status as_text() {
    client::TextFilter text;
    const absl::Status status = read([&](const Frame& frame) {
      return frame.channel != channel_ || !client::is_shown(frame) ||
             write(text.feed(frame.payload));
    });
    write(text.flush());
    return status;
  }

  const Options& options_;
  const client::Context& context_;
  client::AuditClient& client_;
  std::FILE* file_;
  v1::ReadFramesRequest request_;
  client::OpenedChannels opened_;
  uint32_t channel_ = 0;
};

absl::Status run(const Options& options, const client::Context& context) {
  const bool is_bundle = options.format == "bundle";
  if (!is_bundle && options.bundle.is_asked_for())
    return absl::InvalidArgumentError(
        "--without-input, --from, --to and --recipient are for -o bundle");
  if (is_bundle && (options.channel != 0 || options.with_input))
    return absl::InvalidArgumentError(
        "a bundle has all channels with their input: --channel and --input are for other formats");
  if (is_bundle) {
    BundleOptions bundle = options.bundle;
    bundle.id = options.id;
    bundle.file = options.file;
    return export_bundle(bundle, context);
  }
  if (options.format == "raw" && options.file.empty() && context.stdout_is_tty)
    return absl::InvalidArgumentError(
        "raw bytes can control this terminal: use --output-file or a pipe");
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  if (options.file.empty()) return Export(options, context, **client, stdout).run();
  return write_file(options.file, [&](std::FILE* file) {
    return Export(options, context, **client, file).run();
  });
}

}  // namespace

void add_export(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("export", "write a session for other programs");
  add_session_argument(verb, &options->id)->required();
  verb->add_option("-o,--output", options->format,
                   "bundle (evidence that a stranger verifies), cast (asciicast v2), raw (exact "
                   "bytes), json (every frame) or txt")
      ->required()
      ->check(CLI::IsMember({"bundle", "cast", "raw", "json", "txt"}));
  verb->add_option("--output-file", options->file, "write to this file instead of standard output");
  verb->add_option("--stream", options->stream, "stream of raw: out (default), in or err")
      ->check(CLI::IsMember({"out", "in", "err"}));
  verb->add_option("--channel", options->channel, "number of the channel, when there are several");
  verb->add_flag("--input", options->with_input, "add to a cast what was typed");
  BundleOptions& bundle = options->bundle;
  verb->add_flag("--without-input", bundle.without_input,
                 "leave out of a bundle what was typed; its commitments stay");
  verb->add_option("--from", bundle.from, "leave out of a bundle what came before this time");
  verb->add_option("--to", bundle.to, "leave out of a bundle what came at this time or later");
  verb->add_option("--recipient", bundle.recipient,
                   "encrypt the bundle for this age recipient, age1...");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
