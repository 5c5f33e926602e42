// player_page writes the page of a session that the end-to-end test of the player opens. The names
// in it are hostile. usage: player_page TEMPLATE CAST OUTPUT
#include <fstream>
#include <iostream>
#include <sstream>

#include "client/html_player.h"

namespace {

std::string content_of(const char* path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

constexpr char kHostile[] = "<img src=x onerror=hack()></script><script>hack()</script>";

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const gatetape::client::PlayerPage page{.session_id = "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b",
                                          .user = "alice",
                                          .login = kHostile,
                                          .target = "db1",
                                          .source = "192.0.2.1:2222",
                                          .started_at_unix_ns = 1'796'000'000'000'000'000,
                                          .ended_at_unix_ns = 1'796'000'065'000'000'000,
                                          .events = {{3'000'000'000, kHostile}},
                                          .cast = content_of(argv[2]),
                                          .text = kHostile};
  const auto html = gatetape::client::html_player(content_of(argv[1]), page);
  if (!html.ok()) {
    std::cerr << html.status() << "\n";
    return 1;
  }
  std::ofstream(argv[3], std::ios::binary) << *html;
  return 0;
}
