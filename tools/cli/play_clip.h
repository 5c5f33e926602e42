// PlayClip cuts output to a terminal that is smaller than the recorded one. Columns right of the
// terminal are not shown. Rows below it are not shown while a program addresses them; output that
// just flows scrolls as always. PlayClip keeps no screen, so that a line which a program scrolls
// into view from below is blank. The terminal does not wrap lines while PlayClip is in use. Pure;
// one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/screen_size.h"
#include "client/vt_scanner.h"

namespace gatetape::tools {

class PlayClip {
 public:
  // The cursor is in the first column of the terminal.
  PlayClip(client::ScreenSize terminal, client::ScreenSize recorded)
      : terminal_(terminal), recorded_(recorded), bottom_(recorded.rows) {}

  // kStart is written to the terminal before anything else: it no longer wraps lines.
  static constexpr std::string_view kStart = "\x1b[?7l";

  // resize accepts that the recorded terminal has another size from now on.
  void resize(client::ScreenSize recorded);
  // feed accepts the next token, whose text is whole characters, and appends what the terminal gets
  // for it.
  void feed(const client::VtToken& token, std::string* out);
  // sync appends what puts the cursor where it was in the recording. Call it before a pause.
  void sync(std::string* out);

 private:
  // Cursor is a place of the recorded screen, counted from 1. The row is known after a program
  // addressed it on the alternate screen, or below the terminal.
  struct Cursor {
    unsigned column = 1;
    std::optional<unsigned> row;
  };

  bool is_below() const { return cursor_.row && *cursor_.row > terminal_.rows; }
  bool is_right() const { return cursor_.column > terminal_.columns; }
  unsigned shown_column() const { return std::min(cursor_.column, terminal_.columns); }
  void put(std::string_view character, std::string* out);
  void feed_control(const client::VtToken& token, std::string* out);
  void feed_escape(const client::VtToken& token, std::string* out);
  void feed_csi(const client::VtToken& token, std::string* out);
  // These return true when the sequence is theirs.
  bool move(const client::VtToken& token, std::string* out);
  bool change_mode(const client::VtToken& token, std::string* out);
  bool erase(const client::VtToken& token, std::string* out);
  void set_mode(unsigned mode, bool is_set, std::string* out);
  void set_column(uint64_t column);
  void set_row(unsigned row, std::string* out);
  void step_rows(const client::VtToken& token, int rows, std::string* out);
  void line_feed(std::string* out);
  void set_region(const client::VtToken& token, std::string* out);
  void reset_modes();

  client::ScreenSize terminal_;
  client::ScreenSize recorded_;
  unsigned top_ = 1;  // first and last row of the recorded scroll region
  unsigned bottom_;
  Cursor cursor_;
  Cursor saved_;
  Cursor saved_of_normal_screen_;
  std::string last_;              // the last character, which a sequence can repeat
  bool is_on_alternate_ = false;  // the alternate screen, which full-screen programs use
  bool wraps_ = true;             // the recorded terminal wraps lines
  bool column_differs_ = false;   // the terminal's cursor is not in shown_column()
};

}  // namespace gatetape::tools
