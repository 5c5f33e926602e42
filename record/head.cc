#include "record/head.h"

#include "base/bytes.h"

namespace gatetape {

std::string SessionHead::signed_text() const {
  return "gatetape session head v1\n" + session.to_text() + "\n" + std::to_string(size) + "\n" +
         to_base64(view(root)) + "\n";
}

}  // namespace gatetape
