#include "formats/ssh_request.h"

#include "base/bytes.h"

namespace gatetape {
namespace {

bool get_text(ByteReader* reader, std::string* value) {
  std::string_view bytes;
  if (!reader->get_string(&bytes)) return false;
  value->assign(bytes);
  return true;
}

bool get_bool(ByteReader* reader, bool* value) {
  uint8_t byte = 0;
  if (!reader->get_u8(&byte)) return false;
  *value = byte != 0;
  return true;
}

bool get_size(ByteReader* reader, SshRequest* request) {
  return reader->get_u32(&request->columns) && reader->get_u32(&request->rows) &&
         reader->get_u32(&request->width_px) && reader->get_u32(&request->height_px);
}

bool get_exit_signal(ByteReader* reader, SshRequest* request) {
  std::string language;
  return get_text(reader, &request->signal) && get_bool(reader, &request->core_dumped) &&
         get_text(reader, &request->error_message) && get_text(reader, &language);
}

// get_fields reads the fields of a request with a known name. For another name it reads nothing and
// clears `known`.
bool get_fields(ByteReader* reader, SshRequest* request, bool* known) {
  const std::string& name = request->name;
  if (name == "exec") return get_text(reader, &request->command);
  if (name == "subsystem") return get_text(reader, &request->subsystem);
  if (name == "env")
    return get_text(reader, &request->env_name) && get_text(reader, &request->env_value);
  if (name == "pty-req")
    return get_text(reader, &request->term) && get_size(reader, request) &&
           get_text(reader, &request->modes);
  if (name == "window-change") return get_size(reader, request);
  if (name == "signal") return get_text(reader, &request->signal);
  if (name == "exit-status") return reader->get_u32(&request->exit_status);
  if (name == "exit-signal") return get_exit_signal(reader, request);
  *known = name == "shell";
  return true;
}

std::string size_text(const SshRequest& request) {
  return std::to_string(request.columns) + "x" + std::to_string(request.rows);
}

}  // namespace

absl::StatusOr<SshRequest> parse_ssh_request(std::string_view name, std::string_view data) {
  SshRequest request;
  request.name = name;
  ByteReader reader(data);
  bool known = true;
  if (!get_fields(&reader, &request, &known) || (known && !reader.at_end()))
    return absl::InvalidArgumentError("the data of request " + printable(name) + " is malformed");
  request.is_decoded = known;
  return request;
}

std::string describe(const SshRequest& request, TextForm form) {
  const std::string& name = request.name;
  if (name == "exec") return form(request.command);
  if (name == "subsystem") return form(request.subsystem);
  if (name == "env") return form(request.env_name + "=" + request.env_value);
  if (name == "pty-req") return form(request.term) + " " + size_text(request);
  if (name == "window-change") return size_text(request);
  if (name == "signal") return form(request.signal);
  if (name == "exit-status") return std::to_string(request.exit_status);
  if (name == "exit-signal")
    return form(request.signal) + (request.core_dumped ? " (core dumped)" : "") +
           (request.error_message.empty() ? "" : ": " + form(request.error_message));
  return {};
}

}  // namespace gatetape
