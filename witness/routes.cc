#include "witness/routes.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/os/daemon.h"
#include "log/add_checkpoint.h"
#include "log/checkpoint.h"

namespace gatetape::witness {
namespace {

// Anyone can send requests that are refused, so they have one log line per 10 s, which counts the
// others. A fork has a line each time: only the owner of a log's key can make one.
constexpr int64_t kRefusalLineNs = 10'000'000'000;

// Largest part of a refused checkpoint in a log line, in bytes, because anyone can send one. A real
// one has a few hundred.
constexpr size_t kLoggedBytesMax = 1024;

constexpr char kSizeType[] = "text/x.tlog.size";
constexpr int kOk = 200;
constexpr int kConflict = 409;
constexpr int kNotStored = 500;

HttpResponse text(int status, const std::string& body) {
  return {status, "text/plain; charset=utf-8", body + "\n"};
}

// is_fork returns true for the answer to a checkpoint of the same size with another root.
bool is_fork(const WitnessAnswer& answer) {
  return answer.status == kConflict && answer.content_type.starts_with("text/plain");
}

// size_of returns the size of a checkpoint, or nothing when it is none.
std::optional<uint64_t> size_of(const std::string& checkpoint) {
  const auto note = SignedNote::parse(checkpoint);
  const auto parsed = note.ok() ? Checkpoint::parse(note->text) : note.status();
  if (!parsed.ok()) return std::nullopt;
  return parsed->tree.size;
}

// reason_of returns what a log line says about a refusal.
std::string reason_of(const WitnessAnswer& answer, const std::string& checkpoint) {
  const std::string line = answer.body.substr(0, answer.body.find('\n'));
  if (answer.content_type != kSizeType) return line;
  uint64_t cosigned = 0;
  const std::optional<uint64_t> size = size_of(checkpoint);
  if (size && absl::SimpleAtoi(line, &cosigned) && *size < cosigned)
    return absl::StrCat("a rollback: size ", cosigned, " was cosigned, and this is size ", *size);
  return absl::StrCat("the request is not from size ", line, ", which was cosigned last");
}

// checkpoint_in returns the checkpoint of a request, or an empty text when it has none.
std::string checkpoint_in(const std::string& body) {
  const auto request = AddCheckpoint::parse(body);
  return request.ok() ? request->checkpoint : "";
}

}  // namespace

HttpResponse Routes::answer(const HttpServerRequest& request) {
  const bool is_get = request.method == "GET", is_post = request.method == "POST";
  const bool is_page = request.target == "/" || request.target == "/healthz";
  if (!is_page && request.target != "/add-checkpoint") return text(404, "there is no such page");
  if (is_page ? !is_get : !is_post) return text(405, "this page does not have this method");
  if (request.target == "/") return text(kOk, vkey_);
  return is_page ? health() : add_checkpoint(request.body);
}

HttpResponse Routes::health() const {
  return is_stored_ ? text(kOk, "ok") : text(503, "the last checkpoint could not be stored");
}

HttpResponse Routes::add_checkpoint(const std::string& body) {
  const auto now_s = static_cast<uint64_t>(clock_.wall_ns() / 1'000'000'000);
  WitnessAnswer answer = core_.add_checkpoint(body, now_s);
  if (answer.status == kOk || answer.status == kNotStored) is_stored_ = answer.status == kOk;
  log_answer(answer, body);
  return {answer.status, std::move(answer.content_type), std::move(answer.body)};
}

void Routes::log_answer(const WitnessAnswer& answer, const std::string& body) {
  const std::string checkpoint = checkpoint_in(body);
  const std::string reason = reason_of(answer, checkpoint);
  if (answer.status == kOk) return log_debug("cosigned", {{"checkpoint", checkpoint}});
  if (answer.status == kNotStored)
    return log_error("not_stored", {{"reason", reason}, {"checkpoint", checkpoint}});
  if (is_fork(answer))
    return log_error("fork_refused", {{"reason", reason}, {"checkpoint", checkpoint}});
  if (clock_.mono_ns() < next_refusal_ns_) {
    refusals_unlogged_++;
    return;
  }
  next_refusal_ns_ = clock_.mono_ns() + kRefusalLineNs;
  log_warn("refused", {{"status", std::to_string(answer.status)},
                       {"reason", reason},
                       {"checkpoint", checkpoint.substr(0, kLoggedBytesMax)},
                       {"unlogged_before", std::to_string(refusals_unlogged_)}});
  refusals_unlogged_ = 0;
}

}  // namespace gatetape::witness
