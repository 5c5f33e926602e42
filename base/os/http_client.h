// HTTP client: one request and its answer, through libcurl. It speaks HTTP/1.1 over http and https,
// follows no redirect, and uses no proxy of the environment, so that a request reaches the host of
// its URL or fails. Any thread; a call blocks its thread until the answer or the timeout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/os/http_message.h"

namespace gatetape {

struct HttpRequest {
  std::string url{};           // http:// or https://
  std::string body{};          // of a POST
  std::string content_type{};  // of the body of a POST
  uint32_t timeout_ms = 5000;  // for the whole request, from the resolution of the name on
  size_t response_bytes_max = size_t{1} << 20;  // a longer body of the answer is refused
  std::string ca_file{};  // PEM file of trusted CAs for https; empty: those of the system
};

// http_get and http_post send a request and return the answer, whatever its status is. They fail
// with INVALID_ARGUMENT when the URL begins with neither http:// nor https://, with
// RESOURCE_EXHAUSTED when the body of the answer is longer than `response_bytes_max` or its headers
// have more than 64 KiB, and with UNAVAILABLE otherwise. The message is one line that names the
// host and the reason.
absl::StatusOr<HttpResponse> http_get(const HttpRequest& request);
absl::StatusOr<HttpResponse> http_post(const HttpRequest& request);

}  // namespace gatetape
