// The form in which bytes of a peer are stored, shown and searched as text: docs/FORMAT.md section
// 8. It is printable, and the bytes can be told from it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace gatetape {

// TextForm makes text of the bytes of a peer: escape_text, or printable of record format 1.
using TextForm = std::string (*)(std::string_view bytes);

// escape_text returns the bytes as UTF-8 in which every backslash begins an escape: `\\` is a
// backslash, and \xHH is a byte that printable() escapes too. Different bytes have different texts.
std::string escape_text(std::string_view bytes);
// unescape_text returns the bytes that escape_text made a text of. People type such texts too, so a
// backslash that begins no escape stands for itself.
std::string unescape_text(std::string_view text);

}  // namespace gatetape
