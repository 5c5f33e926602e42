#include "base/os/http_client.h"

#include <curl/curl.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

// Largest size of the headers of an answer, in bytes; more of them is an error. curl keeps them all
// in memory. 64 KiB is several times what web servers send.
constexpr size_t kHeaderBytesMax = size_t{64} << 10;

struct CleanUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct CleanEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeHeaders {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, CleanEasy>;
using Headers = std::unique_ptr<curl_slist, FreeHeaders>;

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

// host_of returns HOST:PORT of a URL for messages, because the rest of it may hold a password.
absl::StatusOr<std::string> host_of(const std::string& url) {
  const std::unique_ptr<CURLU, CleanUrl> parsed(curl_url());
  CHECK(parsed != nullptr);
  const bool is_url = url.find('\0') == std::string::npos &&
                      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  const std::string scheme = is_url ? part_of(parsed.get(), CURLUPART_SCHEME) : "";
  if (scheme != "http" && scheme != "https")
    return absl::InvalidArgumentError(
        absl::StrCat(printable(url), " is no URL that begins with http:// or https://"));
  return absl::StrCat(printable(part_of(parsed.get(), CURLUPART_HOST)), ":",
                      part_of(parsed.get(), CURLUPART_PORT));
}

// Received is what came of an answer so far.
struct Received {
  size_t body_bytes_max = 0;
  size_t header_bytes = 0;
  bool too_long = false;
  std::string body{};
};

// on_body and on_header return how many bytes they accepted. Fewer than `count` end the transfer.
size_t on_body(char* bytes, size_t, size_t count, void* context) {
  auto* received = static_cast<Received*>(context);
  received->too_long = count > received->body_bytes_max - received->body.size();
  if (received->too_long) return 0;
  received->body.append(bytes, count);
  return count;
}

size_t on_header(char*, size_t, size_t count, void* context) {
  auto* received = static_cast<Received*>(context);
  received->header_bytes += count;
  received->too_long = received->header_bytes > kHeaderBytesMax;
  return received->too_long ? 0 : count;
}

template <typename Value>
void set(const Easy& easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy.get(), option, value);
  CHECK(code == CURLE_OK, static_cast<int>(option), static_cast<int>(code));
}

void set_limits(const Easy& easy, const HttpRequest& request) {
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(easy, CURLOPT_PROXY, "");
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  set(easy, CURLOPT_NOSIGNAL, 1L);
  // Without this, a request waits beyond its timeout for a name server that does not answer.
  set(easy, CURLOPT_QUICK_EXIT, 1L);
  if (!request.ca_file.empty()) set(easy, CURLOPT_CAINFO, request.ca_file.c_str());
}

void receive_into(const Easy& easy, Received* received) {
  set(easy, CURLOPT_WRITEFUNCTION, on_body);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(received));
  set(easy, CURLOPT_HEADERFUNCTION, on_header);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(received));
}

// post_body makes the request a POST. curl borrows the body and the list that is returned.
Headers post_body(const Easy& easy, const HttpRequest& request) {
  Headers headers(
      curl_slist_append(nullptr, absl::StrCat("Content-Type: ", request.content_type).c_str()));
  CHECK(headers != nullptr);
  set(easy, CURLOPT_HTTPHEADER, headers.get());
  set(easy, CURLOPT_POST, 1L);
  set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  set(easy, CURLOPT_POSTFIELDS, request.body.data());
  return headers;
}

HttpResponse response_of(const Easy& easy, Received* received) {
  HttpResponse response;
  long status = 0;
  const char* content_type = nullptr;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_TYPE, &content_type);
  response.status = static_cast<int>(status);
  if (content_type != nullptr) response.content_type = content_type;
  response.body = std::move(received->body);
  return response;
}

// reason_of returns why a request failed. The message of curl does not name the error of
// connect(2).
std::string reason_of(const Easy& easy, CURLcode code, const char* message) {
  long error = 0;
  if (code == CURLE_COULDNT_CONNECT) curl_easy_getinfo(easy.get(), CURLINFO_OS_ERRNO, &error);
  if (error != 0) return std::strerror(static_cast<int>(error));
  return printable(*message != 0 ? message : curl_easy_strerror(code));
}

absl::StatusOr<HttpResponse> perform(const HttpRequest& request, bool is_post) {
  const absl::StatusOr<std::string> host = host_of(request.url);
  if (!host.ok()) return host.status();
  std::array<char, CURL_ERROR_SIZE> reason{};
  Received received{.body_bytes_max = request.response_bytes_max};
  const Easy easy(curl_easy_init());
  if (easy == nullptr) return absl::UnavailableError("libcurl did not start a request");
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_ERRORBUFFER, reason.data());
  set_limits(easy, request);
  receive_into(easy, &received);
  const Headers headers = is_post ? post_body(easy, request) : nullptr;
  const CURLcode code = curl_easy_perform(easy.get());
  if (code == CURLE_OK) return response_of(easy, &received);
  if (received.too_long)
    return absl::ResourceExhaustedError(
        absl::StrCat(*host, " sent an answer of more than ", request.response_bytes_max, " bytes"));
  return absl::UnavailableError(
      absl::StrCat(*host, " did not answer: ", reason_of(easy, code, reason.data())));
}

}  // namespace

absl::StatusOr<HttpResponse> http_get(const HttpRequest& request) {
  return perform(request, false);
}

absl::StatusOr<HttpResponse> http_post(const HttpRequest& request) {
  return perform(request, true);
}

}  // namespace gatetape
