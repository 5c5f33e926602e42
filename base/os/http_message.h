// HttpResponse: an answer of HTTP, as the client returns it and as a handler of the server makes
// it. Plain data.
#pragma once

#include <string>

namespace gatetape {

struct HttpResponse {
  int status = 0;
  std::string content_type;  // of the body; empty when the server sent none
  std::string body;
};

}  // namespace gatetape
