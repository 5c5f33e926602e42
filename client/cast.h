// CastWriter writes one channel of a session as an asciicast v2: a header with the size and type of
// the terminal, then output, resizes and, when asked for, input. Pure; one thread.
//
// States: gathering (nothing is written, because the header waits for pty-req) -> writing (from the
// first event on).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "client/newlines.h"
#include "client/utf8_stream.h"
#include "record/frame.h"

namespace gatetape::client {

struct CastOptions {
  int64_t started_at_unix_ns = 0;
  std::string title;
  bool with_input = false;
};

class CastWriter {
 public:
  // `write` receives whole lines.
  CastWriter(CastOptions options, std::function<void(const std::string&)> write);

  // add accepts the next frame of the channel.
  void add(const Frame& frame);
  // finish writes incomplete characters, and the header when there was no event.
  void finish();

 private:
  void add_request(const Frame& frame);
  void write_event(uint64_t offset_ns, const char* code, const std::string& data);
  void write_header();

  const CastOptions options_;
  const std::function<void(const std::string&)> write_;
  std::string term_ = "xterm";
  uint32_t columns_ = 80;
  uint32_t rows_ = 24;
  bool header_written_ = false;
  uint64_t last_offset_ns_ = 0;
  Newlines newlines_;
  Utf8Stream in_, out_, err_;
};

}  // namespace gatetape::client
