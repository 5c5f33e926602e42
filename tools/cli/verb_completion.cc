#include "tools/cli/verb_completion.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tools/cli/verb_argument.h"

namespace gatetape::tools {
namespace {

struct Verb {
  std::string name;
  std::string description;
  std::vector<std::string> options;  // "--long"
  bool takes_session = false;
};

// kSessionWords prints the words that may stand for a session, in any shell that calls it: names
// by place, and the ids of the newest sessions. auditd records this question like every other. A
// daemon that hangs must not hold up the prompt.
constexpr char kSessionWords[] =
    "printf '%s\\n' last last~1 last~2\n"
    "  timeout 3 gatetape $dir ls --limit 20 -o csv 2>/dev/null | tail -n +2 | cut -d, -f1\n";

// plain returns text that can stand in single quotes in every shell.
std::string plain(std::string text) {
  std::erase(text, '\'');
  return text;
}

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    Verb verb{one->get_name(), plain(one->get_description()), {"--dir", "--local"}};
    for (const CLI::Option* option : one->get_options()) {
      if (option->get_name() == kSessionArgument) verb.takes_session = true;
      for (const std::string& name : option->get_lnames()) verb.options.push_back("--" + name);
    }
    for (const CLI::App* nested : one->get_subcommands([](const CLI::App*) { return true; }))
      verb.options.push_back(nested->get_name());
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string bash_script(const std::vector<Verb>& verbs) {
  std::string names, cases;
  for (const Verb& verb : verbs) {
    names += verb.name + " ";
    cases += "      " + verb.name + ") words='" + joined(verb.options) + "'" +
             (verb.takes_session ? " session=1" : " session=") + " ;;\n";
  }
  return std::string("_gatetape_sessions() {\n  local dir=$1\n  ") + kSessionWords +
         "}\n"
         "_gatetape() {\n"
         "  local i dir session word=${COMP_WORDS[COMP_CWORD]} words='" +
         names +
         "--dir --local --help'\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in\n"
         "      --dir) dir=\"--dir ${COMP_WORDS[i + 1]}\" ;;\n" +
         cases +
         "    esac\n"
         "  done\n"
         "  if [[ $session && $word != -* ]]; then words+=\" $(_gatetape_sessions \"$dir\")\"; fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -o default -F _gatetape gatetape\n";
}

// zsh_script returns the script of bash, which zsh can run.
std::string zsh_script(const std::vector<Verb>& verbs) {
  return "#compdef gatetape\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(verbs);
}

std::string fish_script(const std::vector<Verb>& verbs) {
  std::string text = "complete -c gatetape -l dir -r -d 'folder of the stack'\n";
  text +=
      "function __gatetape_sessions\n"
      "  set -l dir (string match -rg -- '(--dir)[ =](\\S+)' (commandline -cp))\n  ";
  text += std::string(kSessionWords) + "end\n";
  for (const Verb& verb : verbs) {
    text += "complete -c gatetape -f -n __fish_use_subcommand -a " + verb.name + " -d '" +
            verb.description + "'\n";
    const std::string when = " -n '__fish_seen_subcommand_from " + verb.name + "'";
    if (verb.takes_session)
      text += "complete -c gatetape -f" + when + " -a '(__gatetape_sessions)'\n";
    for (const std::string& option : verb.options) {
      const bool is_long = option.starts_with("--");
      if (option == "--dir") continue;
      text += "complete -c gatetape" + when +
              (is_long ? " -l " + option.substr(2) : " -a " + option) + "\n";
    }
  }
  return text;
}

}  // namespace

void add_completion(CLI::App& app, client::Context&) {
  auto shell = std::make_shared<std::string>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("completion", "print the completion script of a shell");
  verb->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->callback([shell, &app] {
    const std::vector<Verb> verbs = verbs_of(app);
    const std::string script = *shell == "bash"  ? bash_script(verbs)
                               : *shell == "zsh" ? zsh_script(verbs)
                                                 : fish_script(verbs);
    std::fputs(script.c_str(), stdout);
  });
}

}  // namespace gatetape::tools
