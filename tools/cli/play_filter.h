// PlayFilter removes from recorded output what could affect more than the screen of a terminal:
// titles, clipboard access and other strings, queries that the terminal answers as if the answer
// were typed, and modes that change what keys and mouse send. The result is UTF-8. Pure; one
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "client/screen_size.h"
#include "client/utf8_stream.h"
#include "client/vt_scanner.h"
#include "tools/cli/play_clip.h"

namespace gatetape::tools {

class PlayFilter {
 public:
  // `clip`, when there is one, cuts the output to a smaller terminal.
  explicit PlayFilter(std::optional<PlayClip> clip = std::nullopt) : clip_(std::move(clip)) {}

  // resize accepts that the recorded terminal has another size from now on.
  void resize(client::ScreenSize recorded);
  // feed returns what may be written to the terminal for the next bytes.
  std::string feed(std::string_view bytes);

 private:
  void pass(const client::VtToken& token, std::string* out);

  client::VtScanner scanner_;
  client::Utf8Stream utf8_;
  std::optional<PlayClip> clip_;
};

}  // namespace gatetape::tools
