#include "log/add_checkpoint.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"

namespace gatetape {
namespace {

constexpr std::string_view kOld = "old ";

}  // namespace

std::string AddCheckpoint::to_text() const {
  CHECK(proof.size() <= kProofHashesMax, proof.size());
  std::string text = std::string(kOld) + std::to_string(old_size) + "\n";
  for (const Hash& hash : proof) text += to_base64(view(hash)) + "\n";
  return text + "\n" + checkpoint;
}

absl::StatusOr<AddCheckpoint> AddCheckpoint::parse(std::string_view body) {
  FieldReader reader(body);
  AddCheckpoint request;
  const std::string_view line = reader.field();
  reader.fail(body.size() > kAddCheckpointBytesMax || !line.starts_with(kOld) ||
              !parse_decimal(line.substr(kOld.size()), &request.old_size));
  request.proof = reader.hashes();
  if (!reader.ok())
    return absl::InvalidArgumentError("not `old SIZE`, a consistency proof and a checkpoint");
  request.checkpoint = reader.rest();
  return request;
}

}  // namespace gatetape
